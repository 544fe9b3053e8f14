//! Proves in which order the crate searches for programs, and how it downloads and builds them. A local HTTP server
//! stands in for the envtest releases and a shell script for Go.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use control_plane::{Binaries, Error, Search};
use sha2::{Digest, Sha512};
use tempfile::TempDir;

const ALL: [&str; 5] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm"];
const ARCHIVED: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// Writes an executable script with a shell. The test process must not write it itself: a child that another test
/// starts at the same time would inherit the open file, and an open file cannot be executed ("text file busy").
fn script(path: &Path, text: &str) {
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh runs");
    shell.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    assert!(shell.wait().expect("it ends").success());
}

/// A directory with fake programs that print `origin`.
fn programs(names: &[&str], origin: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for name in names {
        script(&directory.path().join(name), &format!("#!/bin/sh\necho {origin}\n"));
    }
    directory
}

fn origin(program: &Path) -> String {
    let output = Command::new(program).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// An archive of fake programs with the same layout as an envtest release.
fn envtest_archive() -> Vec<u8> {
    let tree = tempfile::tempdir().expect("a directory");
    let inner = tree.path().join("controller-tools/envtest");
    fs::create_dir_all(&inner).expect("made");
    for name in ARCHIVED {
        script(&inner.join(name), "#!/bin/sh\necho archive\n");
    }
    let tar = Command::new("tar").args(["-czf", "-", "-C"]).arg(tree.path()).arg("controller-tools").output();
    tar.expect("tar runs").stdout
}

/// Serves an index and an archive like the envtest releases, and returns the index's URL.
fn envtest_server(right_checksum: bool) -> String {
    let packed = envtest_archive();
    let bytes = if right_checksum { packed.clone() } else { b"something else".to_vec() };
    let sum: String = Sha512::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let mut index = "releases:\n  v1.36.0:\n".to_owned();
    for platform in ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"] {
        index += &format!(
            "    envtest-v1.36.0-{platform}.tar.gz:\n      hash: {sum}\n      selfLink: {address}/archive.tar.gz\n"
        );
    }
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut lines = BufReader::new(stream.try_clone().expect("cloned")).lines().map_while(Result::ok);
            let wants_index = lines.next().is_some_and(|line| line.contains("/index.yaml"));
            lines.find(String::is_empty);
            let body = if wants_index { index.as_bytes() } else { &packed };
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("response sent");
        }
    });
    format!("{address}/index.yaml")
}

/// A fake `go` that takes a moment, appends a line to `log`, and creates the program that `-o` names.
fn fake_go(directory: &Path, log: &Path) -> PathBuf {
    let go = directory.join("go");
    let text = format!(
        "#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\n[ -f go.mod ] && [ -f go.sum ] || exit 1\necho \"$2\" >> '{}'\n\
         sleep 0.2\nmkdir -p \"$(dirname \"$2\")\"\nprintf '#!/bin/sh\\necho built\\n' > \"$2\"\nchmod +x \"$2\"\n",
        log.display()
    );
    script(&go, &text);
    go
}

/// The URL of a port on which no server listens.
fn unreachable_index() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}/index.yaml", listener.local_addr().expect("an address"))
}

fn find(search: &Search) -> (Result<Binaries, Error>, String) {
    let mut notes = String::new();
    let found = search.find(&mut |note| {
        notes += note;
        notes.push('\n');
    });
    (found, notes)
}

#[test]
fn a_complete_kubebuilder_assets_directory_needs_no_download_and_no_go() {
    let assets = programs(&ALL, "assets");
    let cache = tempfile::tempdir().expect("a directory");
    let search = Search {
        assets: Some(assets.path().to_owned()),
        cache: cache.path().to_owned(),
        envtest_index: unreachable_index(),
        go: None,
    };
    let (found, notes) = find(&search);
    let found = found.expect("all found");
    assert_eq!([origin(&found.etcd), origin(&found.helm)], ["assets", "assets"]);
    assert_eq!(notes, "");
}

#[test]
fn the_envtest_archive_is_downloaded_once_and_cached() {
    let assets = programs(&["kube-controller-manager", "helm"], "assets");
    let cache = tempfile::tempdir().expect("a directory");
    let mut search = Search {
        assets: Some(assets.path().to_owned()),
        cache: cache.path().to_owned(),
        envtest_index: envtest_server(true),
        go: None,
    };
    let (found, notes) = find(&search);
    let found = found.expect("all found");
    assert!(notes.contains("using the envtest archive of Kubernetes v1.36.0"), "{notes}");
    assert_eq!([origin(&found.etcd), origin(&found.kube_apiserver), origin(&found.kubectl)], ["archive"; 3]);
    assert_eq!([origin(&found.kube_controller_manager), origin(&found.helm)], ["assets"; 2]);

    search.envtest_index = unreachable_index();
    let (again, notes) = find(&search);
    assert_eq!(again.expect("all found"), found);
    assert_eq!(notes, "", "the second search downloads nothing");
}

#[test]
fn an_archive_with_a_wrong_checksum_is_refused() {
    let assets = programs(&["kube-controller-manager", "helm"], "assets");
    let cache = tempfile::tempdir().expect("a directory");
    let mut search = Search {
        assets: Some(assets.path().to_owned()),
        cache: cache.path().to_owned(),
        envtest_index: envtest_server(false),
        go: None,
    };
    let (found, notes) = find(&search);
    assert!(
        notes.contains("the envtest archive is not used") && notes.contains("has the wrong checksum"),
        "{notes}"
    );
    let error = found.expect_err("no Go to build with").to_string();
    assert!(error.contains("could not find etcd, kube-apiserver, kubectl, and"), "{error}");
    assert!(error.contains("wrong checksum") && error.contains("https://go.dev/doc/install"), "{error}");
    assert!(!cache.path().join("envtest-v1.36/etcd").exists());

    let tools = tempfile::tempdir().expect("a directory");
    search.go = Some(fake_go(tools.path(), &tools.path().join("log")));
    let (found, notes) = find(&search);
    assert!(notes.contains("wrong checksum"), "{notes}");
    assert_eq!(origin(&found.expect("built").etcd), "built", "the search continues with a build");
}

#[test]
fn without_go_the_search_fails_before_it_downloads_anything() {
    let cache = tempfile::tempdir().expect("a directory");
    let search = Search {
        assets: None,
        cache: cache.path().to_owned(),
        envtest_index: "http://127.0.0.1:1".into(),
        go: None,
    };
    let (found, notes) = find(&search);
    let error = found.expect_err("no program and no Go").to_string();
    assert!(
        error.starts_with("could not find kube-controller-manager, helm, and could not find Go"),
        "{error}"
    );
    assert_eq!(notes, "", "no download is tried");
}

#[test]
fn two_concurrent_searches_build_each_program_once() {
    let tools = tempfile::tempdir().expect("a directory");
    let cache = tempfile::tempdir().expect("a directory");
    let log = tools.path().join("log");
    let search = Search {
        assets: Some(tools.path().join("missing")),
        cache: cache.path().to_owned(),
        envtest_index: unreachable_index(),
        go: Some(fake_go(tools.path(), &log)),
    };
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let search = search.clone();
            thread::spawn(move || find(&search))
        })
        .collect();
    let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    let notes: String = outcomes.iter().map(|(_, notes)| notes.as_str()).collect();
    for (found, _) in outcomes {
        let found = found.expect("built");
        assert_eq!([origin(&found.etcd), origin(&found.helm)], ["built", "built"]);
    }
    let builds = fs::read_to_string(log).expect("a log").lines().count();
    assert_eq!(builds, ALL.len(), "{notes}");
    assert!(notes.contains("which is not a directory"), "{notes}");
    assert!(notes.contains("building etcd, kube-apiserver, kube-controller-manager, kubectl v1."), "{notes}");
    assert!(notes.contains("waiting for another process"), "{notes}");
}

#[test]
fn a_failed_build_quotes_the_output_of_go_and_leaves_no_files() {
    let tools = tempfile::tempdir().expect("a directory");
    let cache = tempfile::tempdir().expect("a directory");
    let go = tools.path().join("go");
    script(&go, "#!/bin/sh\necho 'go: no such toolchain' >&2\nexit 1\n");
    let search = Search {
        assets: None,
        cache: cache.path().to_owned(),
        envtest_index: unreachable_index(),
        go: Some(go),
    };
    let error = find(&search).0.expect_err("it fails").to_string();
    assert!(error.contains("building etcd failed") && error.contains("no such toolchain"), "{error}");
    for directory in fs::read_dir(cache.path()).expect("a directory").flatten() {
        let left: Vec<_> = fs::read_dir(directory.path()).expect("a directory").flatten().collect();
        assert!(left.iter().all(|entry| entry.file_name() == ".lock"), "{left:?}");
    }
}
