//! `log_sample`: paths that are asked for all the time do not fill the access log; what goes wrong there stands in it.

use std::fs;

use crate::harness::{Docroot, TestServer, eventually};

const FILE: &str = "access.log";

/// The targets in the log once `/last` is in it, which comes last.
#[track_caller]
fn logged(server: &TestServer) -> Vec<String> {
    server.get("/last", &[]).expect(404);
    let text = || fs::read_to_string(server.docroot.parent().join(FILE)).unwrap_or_default();
    assert!(eventually(|| text().contains("/last ")), "{}", text());
    let text = text();
    let target = |line: &str| line.split(' ').nth(6).map(str::to_owned);
    text.lines().filter_map(target).collect()
}

#[test]
fn one_of_so_many_good_answers_stands_in_the_log_and_every_error() {
    let server = TestServer::with_docroot(
        Docroot::standard(),
        &format!(
            "[[site.route]]\npath = \"=/healthz\"\nrespond = \"ok\"\nlog_sample = 0\n\
             [[site.route]]\npath = \"/dir/\"\nlog_sample = 3\n\
             [[site.route]]\npath = \"=/down\"\nrespond = \"no\"\nstatus = 503\nlog_sample = 0\n\
             [log]\naccess = \"combined\"\nfile = \"$PARENT/{FILE}\"\n"
        ),
    );
    for _ in 0..7 {
        server.get("/healthz", &[]).expect(200);
        server.get("/dir/", &[]).expect(200);
        server.get("/down", &[]).expect(503);
    }
    server.get("/dir/nothing", &[]).expect(404);
    server.get("/t.bin", &[]).expect(200);
    let logged = logged(&server);
    let count = |target: &str| logged.iter().filter(|found| *found == target).count();
    let counts = ["/healthz", "/dir/", "/down", "/dir/nothing", "/t.bin"].map(count);
    assert_eq!(counts, [0, 3, 7, 1, 1], "{logged:?}");
}
