//! The program as people and scripts meet it: exit codes, what it tells on standard error, help, completions, signals.
//!
//! `UPDATE_GOLDEN=1 cargo test --test cli` rewrites the help texts in `tests/cli/`.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// `daemun` with these arguments, to be run in `folder`.
fn daemun(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
    // Help is wrapped to the terminal's width, which clap reads from here.
    command
        .args(args)
        .current_dir(folder)
        .env("COLUMNS", "100")
        .env("XDG_RUNTIME_DIR", folder.join(".run"))
        .env_remove("RUNTIME_DIRECTORY")
        .stdin(Stdio::null());
    command
}

fn output(folder: &Path, args: &[&str]) -> Output {
    daemun(folder, args).output().expect("the program runs")
}

/// Runs to the end; the exit code and what was told on standard error.
fn failure(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = output(folder, args);
    assert!(
        output.stdout.is_empty(),
        "{args:?} wrote to standard output"
    );
    (
        output.status.code().expect("an exit code"),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

/// A folder with `public/index.html`.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("public")).expect("a folder");
    fs::write(folder.path().join("public/index.html"), "<p>public\n").expect("a file");
    folder
}

/// A server that has told where it listens.
struct Running {
    child: Child,
    /// The lines up to the last listener.
    told: Vec<String>,
    rest: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// Starts it and reads `lines` lines of what it tells.
    fn start(folder: &Path, args: &[&str], lines: usize) -> Self {
        Self::start_command(daemun(folder, args), lines)
    }

    fn start_command(mut command: Command, lines: usize) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut rest = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut told = Vec::new();
        for _ in 0..lines {
            let mut line = String::new();
            rest.read_line(&mut line).expect("a line");
            told.push(line.trim_end().to_owned());
        }
        Self { child, told, rest }
    }

    /// The first TCP listener's address, as told.
    fn address(&self) -> &str {
        let mut urls = self
            .told
            .iter()
            .filter_map(|line| line.strip_prefix("listening on http://"));
        urls.find_map(|url| url.strip_suffix('/'))
            .unwrap_or_else(|| panic!("no address in {:?}", self.told))
    }

    fn get(&self, path: &str) -> String {
        answer(
            TcpStream::connect(self.address()).expect("a connection"),
            path,
        )
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .expect("sh runs")
                .success()
        );
    }

    /// Waits for the end: the status, standard output, and the rest of standard error.
    fn end(mut self) -> (ExitStatus, String, String) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            match self.child.try_wait().expect("a status") {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("the server does not end"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let (mut logged, mut told) = (String::new(), String::new());
        self.child
            .stdout
            .take()
            .expect("a pipe")
            .read_to_string(&mut logged)
            .expect("UTF-8");
        self.rest.read_to_string(&mut told).expect("UTF-8");
        (status, logged, told)
    }

    fn stop(self) -> (ExitStatus, String, String) {
        self.signal("TERM");
        self.end()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves it running; one that did not has waited for its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(mut stream: impl Read + Write, path: &str) -> String {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

// Help, version, completions

#[test]
fn help_reads_as_in_the_golden_files() {
    let folder = site();
    for (file, args) in [
        ("help.txt", &["--help"][..]),
        ("help-serve.txt", &["serve", "--help"]),
        ("help-check.txt", &["check", "--help"]),
        ("help-compress.txt", &["compress", "--help"]),
        ("help-reload.txt", &["reload", "--help"]),
        ("help-upgrade.txt", &["upgrade", "--help"]),
        ("help-status.txt", &["status", "--help"]),
        ("help-top.txt", &["top", "--help"]),
        ("help-explain.txt", &["explain", "--help"]),
        ("help-completions.txt", &["completions", "--help"]),
    ] {
        let output = output(folder.path(), args);
        assert!(output.status.success() && output.stderr.is_empty());
        let told = String::from_utf8(output.stdout).expect("UTF-8");
        let golden = Path::new("tests/cli").join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &told).expect("the golden file is written");
        }
        assert_eq!(
            told,
            fs::read_to_string(&golden).unwrap_or_default(),
            "{}",
            golden.display()
        );
    }
}

#[test]
fn the_version_is_the_packages() {
    let output = output(site().path(), &["--version"]);
    assert_eq!(
        output.stdout,
        format!("daemun {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
    assert!(output.status.success());
}

#[test]
fn every_shell_gets_completions() {
    let folder = site();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = output(folder.path(), &["completions", shell]);
        let script = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(
            output.status.success() && script.contains("clean-urls"),
            "{shell}"
        );
    }
}

// Mistakes

#[test]
fn a_wrong_command_line_exits_with_2_and_says_why() {
    let folder = site();
    for (args, why) in [
        (&["--lisen", "8080"][..], "--listen"),
        (&["public", "-c", "daemun.toml"], "cannot be used with"),
        (&["-q", "-v"], "cannot be used with"),
        (
            &["-l", "example.com:80"],
            "names other than `localhost` are not looked up",
        ),
        (&["--symlinks", "maybe"], "within-root"),
        (&["--access-log", "xml"], "combined"),
        (&["--header", "X-A"], "Name: value"),
        (&["--workers", "0"], "--workers"),
        (
            &["--proxy", "api=http://127.0.0.1:3000"],
            "begins with a slash: '/api=http://127.0.0.1:3000'",
        ),
        (&["completions", "tcsh"], "possible values"),
        (&["public", "public"], "[ROOT]"),
    ] {
        let (code, told) = failure(folder.path(), args);
        assert_eq!(code, 2, "{args:?}: {told}");
        assert!(told.contains(why), "{args:?}: {told}");
    }
}

#[test]
fn a_wrong_root_exits_with_1_and_says_what_was_likely_meant() {
    let folder = site();
    fs::write(folder.path().join("site.toml"), "").expect("a file");
    for (args, why) in [
        (&["no-such-folder"][..], "no-such-folder` does not exist"),
        (&["publik"], "did you mean `public`?"),
        (&["chekc"], "daemun check"),
        (&["statsu"], "daemun status"),
        (&["tpo"], "daemun top"),
        (&["app"], "create the folder, or name another"),
        (
            &["http://127.0.0.1:3000"],
            "daemun --proxy http://127.0.0.1:3000",
        ),
        (&["8080"], "daemun -l 8080"),
        (&["site.toml"], "daemun -c site.toml"),
        (&["--spa", "app.html"], "--spa=app.html"),
        (
            &["--cors", "https://example.com"],
            "--cors=https://example.com",
        ),
    ] {
        let (code, told) = failure(folder.path(), args);
        assert_eq!(code, 1, "{args:?}: {told}");
        assert!(told.starts_with("error: the docroot `"), "{args:?}: {told}");
        assert!(told.contains(why), "{args:?}: {told}");
    }
}

#[test]
fn wrong_settings_exit_with_1() {
    let folder = site();
    let (code, told) = failure(folder.path(), &["--header", "X A: 1", "--cors=example.com"]);
    assert_eq!(code, 1);
    assert!(told.starts_with("error: "), "{told}");
    assert!(
        told.contains("`X A` is not a field name")
            && told.contains("`example.com` is not an origin"),
        "{told}"
    );
}

#[test]
fn a_server_that_cannot_be_forwarded_to_exits_with_1_and_says_why() {
    let folder = site();
    for (proxy, why) in [
        ("3000", "for this machine write `127.0.0.1:3000`"),
        ("/api=a b", "a character that no host name has"),
        ("/api=http://127.0.0.1:3000/", "`strip_prefix = true`"),
        ("=/x=ws://127.0.0.1:3000", "write `http://127.0.0.1:3000`"),
        ("/a/*=http://127.0.0.1:3000", "a prefix needs none"),
    ] {
        let (code, told) = failure(folder.path(), &["--proxy", proxy]);
        assert_eq!(code, 1, "{proxy}: {told}");
        assert!(told.starts_with("error: "), "{proxy}: {told}");
        assert!(told.contains(why), "{proxy}: {told}");
    }
    let args = ["--spa", "--proxy", "http://127.0.0.1:3000"];
    let (code, told) = failure(folder.path(), &args);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("a route forwards all of them"), "{told}");
}

#[test]
fn check_says_ok_or_what_is_wrong() {
    let folder = site();
    let (code, told) = failure(folder.path(), &["check"]);
    assert_eq!(
        (code, told.lines().next()),
        (
            1,
            Some("daemun.toml: cannot be read: there is no such file")
        )
    );

    fs::write(folder.path().join("daemun.toml"), "workers = 2\n").expect("a file");
    let good = output(folder.path(), &["check"]);
    assert_eq!(
        String::from_utf8_lossy(&good.stdout),
        "daemun.toml: ok (1 site, 0 routes, 1 listener)\n"
    );
    assert!(good.status.success() && good.stderr.is_empty());

    fs::write(
        folder.path().join("bad.toml"),
        "[[site]]\ndocrot = \"public\"\n",
    )
    .expect("a file");
    let want = "bad.toml:2:1: unknown key `docrot` in [[site]]\n  |\n2 | docrot = \"public\"\n  | ^^^^^^\n  help: did you mean `docroot`?\n";
    assert_eq!(
        failure(folder.path(), &["check", "-c", "bad.toml"]),
        (1, want.to_owned())
    );
    assert_eq!(
        failure(folder.path(), &["-c", "bad.toml"]),
        (1, want.to_owned()),
        "serving says the same"
    );
}

#[test]
fn check_warns_of_files_that_are_named_but_not_there() {
    let folder = site();
    fs::write(
        folder.path().join("daemun.toml"),
        "[[site]]\ndocroot = \"public\"\nspa = \"app.html\"\n",
    )
    .expect("a file");
    let output = output(folder.path(), &["check"]);
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("WARN") && told.contains("public/app.html` does not exist"),
        "{told}"
    );
}

#[test]
fn settings_of_a_site_beside_a_file_exit_with_1_and_name_the_key() {
    let folder = site();
    fs::write(folder.path().join("daemun.toml"), "").expect("a file");
    let (code, told) = failure(folder.path(), &["--clean-urls"]);
    assert_eq!(code, 1);
    assert!(
        told.contains("`--clean-urls`")
            && told.contains("`clean_urls = true` under [[site]] in daemun.toml"),
        "{told}"
    );
}

#[test]
fn a_taken_address_exits_with_1_and_says_what_to_do() {
    let folder = site();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, told) = failure(folder.path(), &["-l", &address]);
    assert_eq!(code, 1);
    assert!(
        told.starts_with(&format!(
            "error: cannot listen on {address}: the address is already in use\n"
        )),
        "{told}"
    );
    assert!(
        told.contains("ss -ltnp") && told.contains("--listen"),
        "{told}"
    );
    assert!(!told.contains("listening on"), "{told}");
}

// Serving

#[test]
fn without_root_the_file_comes_first_then_public_then_the_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shown = folder
        .path()
        .canonicalize()
        .expect("a path")
        .display()
        .to_string();
    let listen = ["-l", "0"];
    let serving = |lines| {
        let server = Running::start(folder.path(), &listen, lines);
        let told = server.told[0].clone();
        assert!(server.stop().0.success());
        told
    };
    assert_eq!(serving(2), format!("serving {shown}"));
    fs::create_dir(folder.path().join("public")).expect("a folder");
    assert_eq!(serving(2), format!("serving {shown}/public"));
    fs::create_dir(folder.path().join("other")).expect("a folder");
    fs::write(
        folder.path().join("daemun.toml"),
        "[[site]]\ndocroot = \"other\"\n",
    )
    .expect("a file");
    assert_eq!(serving(2), format!("serving {shown}/other"));
}

#[test]
fn a_root_is_served_with_or_without_the_verb() {
    let folder = site();
    fs::create_dir(folder.path().join("check")).expect("a folder");
    fs::write(folder.path().join("check/index.html"), "<p>check\n").expect("a file");
    for args in [
        &["./check", "-l", "0"][..],
        &["serve", "check", "-l", "0"],
        &["serve", "-l", "0", "./check"],
    ] {
        let server = Running::start(folder.path(), args, 2);
        assert!(server.get("/").ends_with("<p>check\n"), "{args:?}");
        assert!(server.stop().0.success());
    }
}

#[test]
fn one_plain_line_tells_of_each_listener() {
    let folder = site();
    let server = Running::start(
        folder.path(),
        &["-l", "0", "-l", "[::1]:0", "-l", "unix:web.sock"],
        4,
    );
    assert!(
        server.told[0].starts_with("serving /") && server.told[0].ends_with("/public"),
        "{:?}",
        server.told
    );
    assert!(
        server.told[1].starts_with("listening on http://127.0.0.1:"),
        "{:?}",
        server.told
    );
    assert!(
        server.told[2].starts_with("listening on http://[::1]:"),
        "{:?}",
        server.told
    );
    assert_eq!(server.told[3], "listening on unix:web.sock");
    let socket = folder.path().join("web.sock");
    assert!(
        answer(UnixStream::connect(&socket).expect("a connection"), "/").ends_with("<p>public\n")
    );
    let (status, _, told) = server.stop();
    assert!(status.success() && told.is_empty(), "{told}");
    assert!(!socket.exists(), "the socket is removed");
}

#[test]
fn what_is_forwarded_is_told() {
    let folder = site();
    let proxies = [
        "-l",
        "0",
        "--proxy",
        "/api=unix:app.sock",
        "--proxy",
        "*.jsp=http://127.0.0.1:8080",
        "--proxy",
        "localhost:3000",
    ];
    let server = Running::start(folder.path(), &proxies, 5);
    let told = &server.told;
    assert!(told[0].ends_with("/public"), "{told:?}");
    assert!(
        told[1].starts_with("forwarding /api/ to unix:/") && told[1].ends_with("/app.sock"),
        "{told:?}"
    );
    assert_eq!(told[2], "forwarding *.jsp to http://127.0.0.1:8080");
    assert_eq!(told[3], "forwarding / to http://localhost:3000");
    assert!(told[4].starts_with("listening on "), "{told:?}");
    assert!(server.stop().0.success());
}

#[test]
fn what_is_no_file_is_forwarded() {
    let folder = site();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let application = std::thread::spawn(move || {
        // One request a connection: the first line of each is the answer.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a head");
                head.push(byte[0]);
            }
            let line = String::from_utf8_lossy(&head);
            let line = line.lines().next().expect("a first line");
            let length = line.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{line}"
            )
            .expect("an answer");
        }
    });
    let api = format!("/api={url}");
    let args = ["public", "-l", "0", "--proxy", &api, "--proxy", &url];
    let server = Running::start(folder.path(), &args, 4);
    assert!(server.get("/").ends_with("<p>public\n"), "files first");
    for path in ["/api/x?y", "/missing"] {
        let got = server.get(path);
        assert!(got.ends_with(&format!("GET {path} HTTP/1.1")), "{got}");
    }
    assert!(server.stop().0.success());
    application.join().expect("both were asked for");
}

/// The folder of an application holds its source.
#[test]
fn an_application_s_own_folder_is_not_served() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("server.js"), "secret()").expect("a file");
    let args = ["-l", "0", "--proxy", "http://127.0.0.1:9"];
    let server = Running::start(folder.path(), &args, 2);
    assert_eq!(server.told[0], "forwarding / to http://127.0.0.1:9");
    assert!(!server.get("/server.js").contains("secret"));
    assert!(server.stop().0.success());
}

#[test]
fn flags_reach_the_site() {
    let folder = site();
    fs::write(folder.path().join("public/about.html"), "<p>about\n").expect("a file");
    fs::create_dir(folder.path().join("public/empty")).expect("a folder");
    fs::write(folder.path().join("public/.env"), "SECRET=1\n").expect("a file");
    let args = [
        "public",
        "-l",
        "0",
        "--clean-urls",
        "--listing",
        "--hidden",
        "--header",
        "X-A: b c",
        "--cors",
        "--cache-control",
        "max-age=7",
    ];
    let server = Running::start(folder.path(), &args, 2);
    let about = server.get("/about").to_ascii_lowercase();
    assert!(
        about.starts_with("http/1.1 200 ") && about.ends_with("<p>about\n"),
        "{about}"
    );
    assert!(
        about.contains("\r\nx-a: b c\r\n") && about.contains("\r\ncache-control: max-age=7\r\n"),
        "{about}"
    );
    assert!(server.get("/empty/").starts_with("HTTP/1.1 200 "));
    assert!(server.get("/.env").ends_with("SECRET=1\n"));
}

#[test]
fn requests_are_logged_on_standard_output_unless_quiet() {
    let folder = site();
    let server = Running::start(folder.path(), &["-l", "0", "--workers", "1"], 2);
    server.get("/");
    let (_, logged, _) = server.stop();
    assert!(logged.contains("\"GET / HTTP/1.1\" 200 10 "), "{logged}");

    let server = Running::start(folder.path(), &["-l", "0", "--access-log", "off"], 2);
    server.get("/");
    assert_eq!(server.stop().1, "");

    // Quiet tells nothing, so the port must be known before.
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("an address")
        .port();
    let mut server = Running::start(folder.path(), &["-q", "-l", &port.to_string()], 0);
    server
        .told
        .push(format!("listening on http://127.0.0.1:{port}/"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "the server does not start");
        thread::sleep(Duration::from_millis(5));
    }
    server.get("/");
    let (status, logged, told) = server.stop();
    assert!(status.success());
    assert_eq!((logged, told), (String::new(), String::new()));
}

// TLS

/// The first answer over TLS, to a client that trusts this certificate alone.
fn answer_over_tls(port: u16, trusted: &str) -> Result<String, std::io::Error> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.as_bytes()).expect("a certificate"))
        .expect("it can be trusted");
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let mut tls = rustls::ClientConnection::new(config.into(), name).expect("a connection");
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    tls.complete_io(&mut stream)?;
    Ok(answer(rustls::Stream::new(&mut tls, &mut stream), "/"))
}

fn port_of(server: &Running) -> u16 {
    let told = server.told.last().expect("a line");
    let port = told
        .strip_prefix("listening on https://127.0.0.1:")
        .unwrap_or_else(|| panic!("{told}"));
    port.trim_end_matches('/').parse().expect("a port")
}

#[test]
fn a_self_signed_certificate_is_told_of_and_kept_for_the_next_start() {
    let folder = site();
    let state = folder.path().join("state");
    let start = || {
        let mut command = daemun(folder.path(), &["-l", "0", "--tls-self-signed"]);
        command.env("XDG_STATE_HOME", &state);
        Running::start_command(command, 2)
    };
    let server = start();
    let kept = fs::read_to_string(state.join("daemun/self-signed.pem")).expect("a file");
    let said = answer_over_tls(port_of(&server), &kept).expect("it is the one that is shown");
    assert!(said.ends_with("<p>public\n"), "{said}");
    let (_, _, told) = server.stop();
    assert!(
        told.contains("self-signed certificate for development (kept in /"),
        "{told}"
    );
    let server = start();
    answer_over_tls(port_of(&server), &kept).expect("the same as before");
}

#[test]
fn a_certificate_is_given_by_two_flags() {
    let folder = site();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config_errors/tls");
    let fixture = |name: &str| fixtures.join(name).display().to_string();
    let (cert, key, other) = (
        fixture("good.pem"),
        fixture("good.key"),
        fixture("other.key"),
    );
    let server = Running::start(
        folder.path(),
        &["-l", "0", "--tls-cert", &cert, "--tls-key", &key],
        2,
    );
    // It is for another name than this client asks for: that one is shown at all is enough.
    let trusted = fs::read_to_string(&cert).expect("a file");
    let error = answer_over_tls(port_of(&server), &trusted).expect_err("another name");
    assert!(
        error.to_string().contains("invalid peer certificate"),
        "{error}"
    );
    drop(server);

    let (code, told) = failure(folder.path(), &["--tls-cert", &cert]);
    assert!(code == 2 && told.contains("--tls-key <FILE>"), "{told}");
    let (code, told) = failure(
        folder.path(),
        &["--tls-self-signed", "--tls-cert", &cert, "--tls-key", &key],
    );
    assert!(code == 2 && told.contains("cannot be used with"), "{told}");
    let (code, told) = failure(folder.path(), &["--tls-cert", &cert, "--tls-key", &other]);
    assert!(
        code == 1 && told.contains("is not that of the first certificate in"),
        "{told}"
    );
    fs::write(folder.path().join("daemun.toml"), "").expect("a file");
    let (code, told) = failure(folder.path(), &["--tls-cert", &cert, "--tls-key", &key]);
    assert!(
        code == 1 && told.contains("under [[certificate]] in daemun.toml"),
        "{told}"
    );
}

#[test]
fn an_expired_certificate_is_told_of_and_served() {
    let folder = site();
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(2002, 2, 2);
    let cert = params.self_signed(&key).expect("a certificate").pem();
    fs::write(folder.path().join("old.pem"), &cert).expect("a file");
    fs::write(folder.path().join("old.key"), key.serialize_pem()).expect("a file");
    let args = ["-l", "0", "--tls-cert", "old.pem", "--tls-key", "old.key"];
    let server = Running::start(folder.path(), &args, 3);
    let told = &server.told[0];
    assert!(
        told.contains("ERROR")
            && told.ends_with(
                "/old.pem` expired on Sat, 02 Feb 2002 00:00:00 GMT: clients will refuse it"
            ),
        "{told}"
    );
    let error = answer_over_tls(port_of(&server), &cert).expect_err("a client that looks");
    assert!(error.to_string().contains("expired"), "{error}");
}

// Stopping

#[test]
fn the_first_signal_drains_and_exits_with_0() {
    let folder = site();
    for signal in ["TERM", "INT"] {
        let server = Running::start(folder.path(), &["-l", "0"], 2);
        server.get("/");
        server.signal(signal);
        let (status, ..) = server.end();
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

#[test]
fn the_second_signal_stops_at_once() {
    let folder = site();
    let large = fs::File::create(folder.path().join("public/large.bin")).expect("a file");
    large.set_len(1 << 30).expect("a sparse file");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = Running::start(folder.path(), &["-l", "0"], 2);
        // A client that does not read: its response cannot end.
        let mut client = TcpStream::connect(server.address()).expect("a connection");
        client
            .write_all(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("a request");
        client
            .read_exact(&mut [0; 16])
            .expect("the start of the answer");
        server.signal("TERM");
        let mut server = server;
        let mut line = String::new();
        server.rest.read_line(&mut line).expect("a line");
        assert_eq!(
            line,
            "waiting for open responses to end; Ctrl+C once more stops at once\n"
        );
        server.signal(signal);
        let (status, ..) = server.end();
        assert_eq!(status.code(), Some(code), "{signal}");
    }
}
