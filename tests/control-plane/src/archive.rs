//! Downloads the official envtest archive (etcd, kube-apiserver, kubectl), verifies its SHA-512 and unpacks it.

use std::collections::BTreeMap;
use std::env::consts;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha512};

use crate::go_build;

/// The programs in the archive.
pub(crate) const PROGRAMS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

#[derive(Deserialize)]
struct Index {
    releases: BTreeMap<String, BTreeMap<String, Archive>>,
}

#[derive(Clone, Deserialize)]
struct Archive {
    hash: String,
    #[serde(rename = "selfLink")]
    link: String,
}

/// Turns `v1.36.3` into `v1.36`.
pub(crate) fn minor(version: &str) -> String {
    version.rsplit_once('.').map_or(version, |(minor, _)| minor).to_owned()
}

/// Downloads and unpacks the archive of the version `wanted` or, if there is none, of the newest patch of its minor
/// version. Returns the version, or a message that explains why no archive can be used.
pub(crate) fn fetch(
    index: &str,
    wanted: &str,
    directory: &Path,
    note: &mut dyn FnMut(&str),
) -> Result<String, String> {
    let text = curl(index, &["--max-time", "10"])?;
    let text = String::from_utf8(text).map_err(|_| format!("{index} is not UTF-8"))?;
    let index: Index = serde_saphyr::from_str(&text)
        .map_err(|error| format!("{index} is not an index of envtest archives: {error}"))?;
    let (version, archive) = choose(&index, wanted, &platform())?;
    note(&format!("downloading the envtest archive of Kubernetes {version}"));
    let bytes = curl(&archive.link, &["--max-time", "600"])?;
    let sum: String = Sha512::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if !sum.eq_ignore_ascii_case(&archive.hash) {
        return Err(format!(
            "{} has the wrong checksum: its SHA-512 is {sum}, the index says {}",
            archive.link, archive.hash
        ));
    }
    unpack(&bytes, directory)?;
    Ok(version)
}

/// This machine's operating system and architecture as in the archives' names.
fn platform() -> String {
    let system = match consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{machine}")
}

fn choose(index: &Index, wanted: &str, platform: &str) -> Result<(String, Archive), String> {
    let minor = minor(wanted);
    let patch = |version: &str| version.strip_prefix(&minor)?.strip_prefix('.')?.parse::<u32>().ok();
    let file = |version: &str| format!("envtest-{version}-{platform}.tar.gz");
    index
        .releases
        .iter()
        .filter_map(|(version, files)| Some((patch(version)?, version, files.get(&file(version))?)))
        .max_by_key(|(patch, version, _)| (version.as_str() == wanted, *patch))
        .map(|(_, version, archive)| (version.clone(), archive.clone()))
        .ok_or_else(|| format!("the index has no archive of Kubernetes {minor} for {platform}"))
}

/// The connection timeout is short, so that a machine without Internet access soon continues with a build.
fn curl(address: &str, options: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("curl")
        .args(["--fail", "--silent", "--show-error", "--location", "--connect-timeout", "5"])
        .args(options)
        .arg("--")
        .arg(address)
        .output()
        .map_err(|error| format!("could not run curl: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("could not download {address}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Unpacks into a staging directory and renames each program into `directory`, so that a search never finds an
/// incomplete program.
fn unpack(bytes: &[u8], directory: &Path) -> Result<(), String> {
    let failed = |what: &str| {
        let message = format!("could not {what} in {}", directory.display());
        move |error: std::io::Error| format!("{message}: {error}")
    };
    fs::create_dir_all(directory).map_err(failed("create the cache"))?;
    let staging = tempfile::Builder::new()
        .prefix(go_build::STAGING_PREFIX)
        .tempdir_in(directory)
        .map_err(failed("create a staging directory"))?;
    let packed = staging.path().join("archive.tar.gz");
    fs::write(&packed, bytes).map_err(failed("write the archive"))?;
    let output = Command::new("tar")
        .arg("-xzf")
        .arg(&packed)
        .arg("-C")
        .arg(staging.path())
        .arg("--strip-components=2")
        .output()
        .map_err(|error| format!("could not run tar: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "could not unpack the archive: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    for program in PROGRAMS {
        fs::rename(staging.path().join(program), directory.join(program))
            .map_err(failed(&format!("store {program}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> Index {
        serde_saphyr::from_str(text).expect("an index")
    }

    #[test]
    fn choose_takes_the_wanted_version_or_else_the_newest_patch() {
        let index = index(
            "releases:\n  v1.36.2:\n    envtest-v1.36.2-linux-amd64.tar.gz: {hash: a, selfLink: b}\n  \
             v1.36.10:\n    envtest-v1.36.10-linux-amd64.tar.gz: {hash: a, selfLink: b}\n  \
             v1.37.0:\n    envtest-v1.37.0-linux-amd64.tar.gz: {hash: a, selfLink: b}\n",
        );
        let version = |wanted, platform| choose(&index, wanted, platform).map(|(version, _)| version);
        assert_eq!(version("v1.36.2", "linux-amd64").as_deref(), Ok("v1.36.2"));
        assert_eq!(version("v1.36.3", "linux-amd64").as_deref(), Ok("v1.36.10"));
        assert!(version("v1.36.3", "linux-arm64").is_err_and(|reason| reason.contains("linux-arm64")));
        assert!(version("v1.3.0", "linux-amd64").is_err());
    }
}
