//! `daemun compress`, as people and scripts use it: what it writes, what it leaves, what it tells, and that nothing half done is ever left.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn daemun(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
    command
        .args(args)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", folder.join(".run"))
        .env_remove("RUNTIME_DIRECTORY")
        .stdin(Stdio::null());
    command
}

/// The exit code, standard output and standard error.
fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = daemun(folder, args).output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

fn compress(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    run(folder, &[&["compress", "site"], args].concat())
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, content).expect("a file");
}

fn script() -> Vec<u8> {
    (0..500)
        .flat_map(|n| format!("export const value{n} = {};\n", n * 7919).into_bytes())
        .collect()
}

/// Bytes that nothing makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    })
    .take(length)
    .collect()
}

/// A folder with `site/`, in which are two scripts and a page, and some that are left alone.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = folder.path().join("site");
    write(&site.join("app.js"), script());
    write(&site.join("deep/er/other.js"), script());
    write(&site.join("index.html"), "<p>page</p>\n".repeat(100));
    write(&site.join(".well-known/policy.txt"), "words ".repeat(100));
    write(&site.join("small.js"), "const a = 1;\n");
    write(&site.join("photo.png"), vec![0; 5000]);
    write(&site.join(".secret.js"), script());
    write(&site.join(".git/hook.js"), script());
    write(&site.join("deep/.well-known/hidden.js"), script());
    folder
}

/// Every file with one of the three endings, relative, sorted.
fn sidecars(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = files(folder)
        .into_iter()
        .filter(|path| [".br", ".zst", ".gz"].iter().any(|end| path.ends_with(end)))
        .collect();
    all.sort();
    all
}

fn files(folder: &Path) -> Vec<String> {
    let mut todo = vec![PathBuf::from(folder)];
    let mut all = Vec::new();
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.is_symlink() {
                todo.push(path);
            } else {
                let relative = path.strip_prefix(folder).expect("beneath");
                all.push(relative.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    all
}

fn gunzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).expect("a sidecar"))
        .read_to_end(&mut bytes)
        .expect("gzip");
    bytes
}

fn set_time(path: &Path, time: SystemTime) {
    fs::File::open(path)
        .and_then(|file| file.set_modified(time))
        .expect("a time");
}

#[test]
fn every_compressible_file_gets_its_sidecars_once() {
    let folder = site();
    let site = folder.path().join("site");
    fs::set_permissions(site.join("app.js"), fs::Permissions::from_mode(0o640)).expect("a mode");
    symlink("app.js", site.join("link.js")).expect("a link");
    symlink("deep", site.join("linked")).expect("a link");
    let (code, told, problems) = compress(folder.path(), &[]);
    assert_eq!((code, &*problems), (Some(0), ""));
    let expected: Vec<String> = [
        ".well-known/policy.txt",
        "app.js",
        "deep/er/other.js",
        "index.html",
    ]
    .iter()
    .flat_map(|file| [".br", ".gz", ".zst"].map(|end| [file, end].concat()))
    .collect();
    assert_eq!(sidecars(&site), expected);
    assert_eq!(gunzip(&site.join("app.js.gz")), script());
    let (original, sidecar) = (
        fs::metadata(site.join("app.js")).expect("a file"),
        fs::metadata(site.join("app.js.br")).expect("a sidecar"),
    );
    assert_eq!(sidecar.mode(), original.mode());
    assert_eq!(sidecar.modified().ok(), original.modified().ok());
    for words in [
        "files       bytes               br             zstd             gzip\n",
        "text/javascript        2    ",
        "text/html              1    1.17 KiB  ",
        "text/plain             1       600 B  ",
        "\nall                    4    ",
        "\nsidecars: 12 written in ",
    ] {
        assert!(told.contains(words), "{words:?} is not in\n{told}");
    }

    let state = |path: &str| {
        let metadata = fs::metadata(site.join(path)).expect("a sidecar");
        (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
    };
    let before: Vec<_> = expected.iter().map(|path| state(path)).collect();
    let (code, told, problems) = compress(folder.path(), &[]);
    assert_eq!((code, &*problems), (Some(0), ""));
    assert!(told.contains("\nsidecars: 12 up to date in "), "{told}");
    let after: Vec<_> = expected.iter().map(|path| state(path)).collect();
    assert_eq!(before, after, "the second run changes nothing");
}

#[test]
fn a_changed_original_gets_new_ones_and_a_touched_one_keeps_them() {
    let folder = site();
    let site = folder.path().join("site");
    compress(folder.path(), &[]);
    let inode = |path: &str| fs::metadata(site.join(path)).expect("a sidecar").ino();
    let before = (inode("app.js.gz"), inode("index.html.gz"));
    // Also one from the future.
    set_time(
        &site.join("app.js"),
        SystemTime::now() + Duration::from_secs(5000),
    );
    write(&site.join("index.html"), "<p>another</p>\n".repeat(100));
    set_time(
        &site.join("index.html"),
        SystemTime::now() + Duration::from_secs(5000),
    );
    let (code, _, problems) = compress(folder.path(), &["--check"]);
    assert_eq!(code, Some(1));
    assert!(
        problems.contains("site/app.js.gz: is older than app.js\n"),
        "{problems}"
    );
    assert!(
        problems.contains("site/index.html.br: is older than index.html\n"),
        "{problems}"
    );
    assert!(
        problems.ends_with("help: `daemun compress site` makes them anew\n"),
        "{problems}"
    );

    let (code, told, _) = compress(folder.path(), &[]);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("\nsidecars: 3 written, 9 up to date in "),
        "{told}"
    );
    assert_eq!(
        inode("app.js.gz"),
        before.0,
        "it was good, and only too old"
    );
    assert_ne!(inode("index.html.gz"), before.1);
    assert_eq!(
        gunzip(&site.join("index.html.gz")),
        b"<p>another</p>\n".repeat(100)
    );
    assert_eq!(compress(folder.path(), &["--check"]).0, Some(0));
}

#[test]
fn a_check_tells_what_does_not_decode_and_changes_nothing() {
    let folder = site();
    let site = folder.path().join("site");
    compress(folder.path(), &[]);
    let whole = fs::read(site.join("app.js.br")).expect("a sidecar");
    write(&site.join("app.js.br"), &whole[..whole.len() / 2]);
    write(&site.join("app.js.zst"), "no zstd");
    fs::copy(site.join("index.html.gz"), site.join("app.js.gz")).expect("another's");
    fs::remove_file(site.join("index.html.br")).expect("removed");
    let before = files(&site).len();
    let (code, told, problems) = compress(folder.path(), &["--check"]);
    assert_eq!(code, Some(1));
    for ending in ["br", "zst", "gz"] {
        let line = format!("site/app.js.{ending}: does not decode to app.js\n");
        assert!(problems.contains(&line), "{problems}");
    }
    assert!(
        told.contains("\nsidecars: 8 good, 1 missing, 3 broken in "),
        "{told}"
    );
    assert_eq!(files(&site).len(), before);
    assert_eq!(
        fs::read(site.join("app.js.zst")).expect("as it was"),
        b"no zstd"
    );

    let (code, _, problems) = compress(folder.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(
        problems.contains("app.js.gz: is younger than its original and holds something else"),
        "somebody's own archive: {problems}"
    );
    assert_eq!(
        gunzip(&site.join("app.js.gz")),
        fs::read(site.join("index.html")).expect("the other file")
    );
    fs::remove_file(site.join("app.js.gz")).expect("removed");
    let (code, told, _) = compress(folder.path(), &[]);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("\nsidecars: 1 written, 11 up to date in "),
        "{told}"
    );
    let (code, told, problems) = compress(folder.path(), &["--check", "--quiet"]);
    assert_eq!((code, &*told, &*problems), (Some(0), "", ""));
}

#[test]
fn what_saves_too_little_is_not_kept() {
    let folder = site();
    let site = folder.path().join("site");
    write(&site.join("index.html"), noise(5000));
    // Was worth it once.
    write(&site.join("index.html.gz"), "of a former state");
    let (code, told, problems) = compress(folder.path(), &[]);
    assert_eq!((code, &*problems), (Some(0), ""));
    assert!(
        told.contains("\nsidecars: 9 written, 3 not worth it in "),
        "{told}"
    );
    assert!(
        !sidecars(&site)
            .iter()
            .any(|path| path.starts_with("index.html"))
    );
    assert!(
        told.contains("4.88 KiB 100%"),
        "it is sent as it is:\n{told}"
    );
}

#[test]
fn only_the_codings_that_were_asked_for_are_made() {
    let folder = site();
    let site = folder.path().join("site");
    let (code, told, _) = compress(folder.path(), &["--codings", "br,gzip", "--threads", "1"]);
    assert_eq!(code, Some(0));
    assert!(
        !told.contains("zstd") && told.contains("\nsidecars: 8 written in "),
        "{told}"
    );
    assert!(
        !sidecars(&site)
            .iter()
            .any(|path| Path::new(path).extension().is_some_and(|end| end == "zst"))
    );
    let (code, _, problems) = compress(folder.path(), &["--codings", "lzma"]);
    assert_eq!(code, Some(2));
    assert!(
        problems.contains("invalid value 'lzma' for '--codings <CODING>'"),
        "{problems}"
    );
}

#[test]
fn one_that_cannot_be_made_does_not_hold_up_the_others() {
    let folder = site();
    let site = folder.path().join("site");
    // Whatever this is, it is not ours.
    fs::create_dir(site.join("app.js.br")).expect("a folder");
    symlink("/etc/hostname", site.join("app.js.gz")).expect("a link");
    let (code, told, problems) = compress(folder.path(), &[]);
    assert_eq!(code, Some(1));
    for ending in ["br", "gz"] {
        let line =
            format!("error: site/app.js.{ending}: is not a regular file, and is left as it is\n");
        assert!(problems.contains(&line), "{problems}");
    }
    assert!(
        told.contains("\nsidecars: 10 written, 2 failed in "),
        "{told}"
    );
    assert!(site.join("app.js.gz").is_symlink());
}

#[test]
fn a_root_that_cannot_be_read_is_told() {
    let folder = site();
    write(&folder.path().join("file"), "no folder");
    for (root, words) in [
        ("nowhere", "error: `nowhere`: No such file or directory"),
        ("file", "error: `file`: Not a directory"),
    ] {
        let (code, told, problems) = run(folder.path(), &["compress", root]);
        assert_eq!((code, &*told), (Some(1), ""));
        assert!(problems.starts_with(words), "{problems}");
    }
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    let (code, told, _) = run(folder.path(), &["compress", "empty"]);
    assert_eq!(code, Some(0));
    assert!(told.starts_with("empty: no files that "), "{told}");
}

/// Waits until a run has begun to write.
fn until_something_is_there(site: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while sidecars(site).is_empty() {
        assert!(Instant::now() < deadline, "nothing is written");
        thread::sleep(Duration::from_millis(1));
    }
}

fn many(folder: &Path) {
    for number in 0..16 {
        let path = folder.join(format!("site/many/{number}.js"));
        write(&path, script());
    }
}

#[test]
fn a_signal_ends_it_and_leaves_nothing_half_done() {
    let folder = site();
    let site = folder.path().join("site");
    many(folder.path());
    let mut child = daemun(folder.path(), &["compress", "site"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    until_something_is_there(&site);
    signal(&child, rustix::process::Signal::INT);
    let mut told = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut told).expect("text");
    let code = child.wait().expect("an end").code();
    // A machine that is fast enough was done by then.
    if code != Some(0) {
        assert_eq!(code, Some(130));
        assert_eq!(
            told,
            "stopped; what was written is whole, and the next run goes on from there\n"
        );
    }
    assert_eq!(leftovers(&site), 0);
    assert_eq!(compress(folder.path(), &["--check"]).0, Some(0));
}

#[test]
fn after_a_kill_the_server_and_the_next_run_find_everything_well() {
    let folder = site();
    let site = folder.path().join("site");
    many(folder.path());
    let mut child = daemun(folder.path(), &["compress", "site"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program runs");
    until_something_is_there(&site);
    child.kill().expect("killed");
    child.wait().expect("an end");
    // What it might have left: hidden from the server, and removed by the next run.
    write(&site.join("many/.daemun-compress-0123456789abcdef"), "half");
    let held = fs::File::create(site.join(".daemun-compress-of-another-run")).expect("a file");
    held.lock().expect("a lock");

    assert_eq!(get(folder.path(), "/many/1.js"), script());
    let (code, _, problems) = compress(folder.path(), &[]);
    assert_eq!((code, &*problems), (Some(0), ""));
    assert_eq!(
        leftovers(&site),
        1,
        "that of a run that is still at it stays"
    );
    assert_eq!(sidecars(&site).len(), 3 * 20);
    assert_eq!(compress(folder.path(), &["--check"]).0, Some(0));
}

#[test]
fn several_runs_at_a_time_do_not_harm_each_other() {
    let folder = site();
    let site = folder.path().join("site");
    many(folder.path());
    let runs: Vec<_> = (0..3)
        .map(|_| {
            daemun(folder.path(), &["compress", "site"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program runs")
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().expect("an end");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success());
    }
    assert_eq!((sidecars(&site).len(), leftovers(&site)), (3 * 20, 0));
    assert_eq!(compress(folder.path(), &["--check"]).0, Some(0));
}

fn signal(child: &std::process::Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(id, signal).expect("a signal");
}

fn leftovers(site: &Path) -> usize {
    let is_ours = |path: &&String| path.contains(".daemun-compress-");
    files(site).iter().filter(is_ours).count()
}

/// Ended with the test, however that ends.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The body of an answer in gzip, decoded, of a server that is started for it.
fn get(folder: &Path, path: &str) -> Vec<u8> {
    let child = daemun(folder, &["site", "-l", "0", "--access-log", "off"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut server = Running(child);
    let mut lines = BufReader::new(server.0.stderr.take().expect("a pipe")).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            let address = line.strip_prefix("listening on http://")?;
            Some(address.trim_end_matches('/').to_owned())
        })
        .expect("an address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer
        .windows(4)
        .position(|at| at == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let body = &answer[end + 4..];
    if !head.contains("content-encoding: gzip") {
        return body.to_vec();
    }
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(body)
        .read_to_end(&mut decoded)
        .expect("gzip");
    decoded
}
