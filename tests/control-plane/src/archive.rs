//! Downloads etcd, kube-apiserver and kubectl from the official envtest archive, checked by its SHA-512.

use std::collections::BTreeMap;
use std::env::consts;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha512};

use crate::go_build;

/// What the archive holds.
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

/// `v1.36` of `v1.36.3`.
pub(crate) fn minor(version: &str) -> String {
    version.rsplit_once('.').map_or(version, |(minor, _)| minor).to_owned()
}

/// Downloads and unpacks the archive of `wanted`, or else of the newest patch of its minor version. Returns the version;
/// the error says for people why the archive cannot be used.
pub(crate) fn fetch(
    index: &str,
    wanted: &str,
    directory: &Path,
    note: &mut dyn FnMut(&str),
) -> Result<String, String> {
    let text = curl(index, &["--max-time", "10"])?;
    let text = String::from_utf8(text).map_err(|_| format!("{index} is not text"))?;
    let index: Index =
        serde_saphyr::from_str(&text).map_err(|error| format!("{index} is not an index: {error}"))?;
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

/// The platform as archives are named.
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
        .ok_or_else(|| format!("there is none of Kubernetes {minor} for {platform}"))
}

/// Short time-outs: on a machine without a way out this must not hold up the build.
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

/// Unpacks beside `directory` and moves the programs in one by one, so that no half program is ever found.
fn unpack(bytes: &[u8], directory: &Path) -> Result<(), String> {
    let failed = |what: &str| {
        let message = format!("could not {what} in {}", directory.display());
        move |error: std::io::Error| format!("{message}: {error}")
    };
    fs::create_dir_all(directory).map_err(failed("make the cache"))?;
    let staging = tempfile::Builder::new()
        .prefix(go_build::STAGING_PREFIX)
        .tempdir_in(directory)
        .map_err(failed("make a directory"))?;
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
        return Err(format!("could not unpack it: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    for program in PROGRAMS {
        fs::rename(staging.path().join(program), directory.join(program))
            .map_err(failed(&format!("put {program}")))?;
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
    fn the_wanted_version_is_chosen_or_else_the_newest_patch() {
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
