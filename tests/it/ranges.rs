//! Range (RFC 9110 §14): single, suffix, several, and all the ways to ask for nonsense.

use crate::harness::{A_JS, A_JS_BR, A_JS_GZ, Response, TestServer, parts, pattern};

/// `GET /t.bin` (1000 bytes) with this range.
#[track_caller]
fn get(range: &str) -> Response {
    TestServer::standard().get("/t.bin", &[&format!("Range: {range}")])
}

/// The whole file, unasked or as the one range that it is.
#[track_caller]
fn expect_whole(response: &Response) {
    match response.status() {
        200 => assert!(response.value("Content-Range").is_none()),
        206 => assert_eq!(response.field("Content-Range"), "bytes 0-999/1000"),
        _ => panic!("neither 200 nor 206: {response:?}"),
    }
    assert!(response.body == pattern(1000), "{response:?}");
}

#[test]
fn a_file_says_that_it_takes_ranges() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_field("Accept-Ranges", "bytes")
        .expect_no("Content-Range");
    server
        .head("/t.bin", &[])
        .expect(200)
        .expect_field("Accept-Ranges", "bytes");
}

#[test]
fn a_single_range_gives_exactly_its_bytes() {
    let response = get("bytes=100-199")
        .expect(206)
        .expect_field("Content-Range", "bytes 100-199/1000");
    let response = response
        .expect_field("Content-Length", "100")
        .expect_body(&pattern(1000)[100..200]);
    assert_eq!(
        response.field("Last-Modified"),
        crate::harness::PUBLISHED_DATE
    );
    response.entity_tag();
}

#[test]
fn a_206_carries_the_fields_of_the_200() {
    let server = TestServer::standard();
    let whole = server.get("/t.bin", &[]);
    let part = server.get("/t.bin", &["Range: bytes=0-4"]).expect(206);
    for name in [
        "ETag",
        "Last-Modified",
        "Content-Type",
        "Cache-Control",
        "Vary",
    ] {
        assert_eq!(part.value(name), whole.value(name), "{name} (§15.3.7)");
    }
}

#[test]
fn first_last_and_single_bytes() {
    let content = pattern(1000);
    get("bytes=0-0")
        .expect(206)
        .expect_field("Content-Range", "bytes 0-0/1000")
        .expect_body(&content[..1]);
    get("bytes=999-999")
        .expect(206)
        .expect_field("Content-Range", "bytes 999-999/1000")
        .expect_body(&content[999..]);
    get("bytes=0-999")
        .expect(206)
        .expect_field("Content-Range", "bytes 0-999/1000")
        .expect_body(&content);
    get("bytes=-1")
        .expect(206)
        .expect_field("Content-Range", "bytes 999-999/1000")
        .expect_body(&content[999..]);
}

#[test]
fn a_range_beyond_the_end_is_cut_at_the_end() {
    get("bytes=990-2000")
        .expect(206)
        .expect_field("Content-Range", "bytes 990-999/1000")
        .expect_body(&pattern(1000)[990..]);
    get("bytes=999-1000")
        .expect(206)
        .expect_field("Content-Range", "bytes 999-999/1000");
}

#[test]
fn an_open_range_goes_to_the_end() {
    get("bytes=500-")
        .expect(206)
        .expect_field("Content-Range", "bytes 500-999/1000")
        .expect_body(&pattern(1000)[500..]);
    expect_whole(&get("bytes=0-"));
}

#[test]
fn a_suffix_gives_the_last_bytes() {
    get("bytes=-5")
        .expect(206)
        .expect_field("Content-Range", "bytes 995-999/1000")
        .expect_body(&pattern(1000)[995..]);
}

#[test]
fn a_suffix_longer_than_the_file_is_the_whole_file() {
    expect_whole(&get("bytes=-5000"));
    expect_whole(&get("bytes=-1000"));
    expect_whole(&get("bytes=-99999999999999999999"));
}

#[test]
fn a_suffix_of_nothing_is_unsatisfiable() {
    get("bytes=-0")
        .expect(416)
        .expect_field("Content-Range", "bytes */1000");
}

#[test]
fn a_range_that_begins_at_the_end_is_unsatisfiable() {
    for range in [
        "bytes=1000-",
        "bytes=1000-1000",
        "bytes=5000-6000",
        "bytes=1000-,2000-",
        "bytes=18446744073709551615-",
    ] {
        get(range)
            .expect(416)
            .expect_field("Content-Range", "bytes */1000");
    }
}

#[test]
fn a_416_is_not_the_file() {
    let response = get("bytes=1000-").expect(416);
    assert!(
        !response.body.starts_with(&pattern(1000)[..8]) && !response.lives_long(),
        "{response:?}"
    );
}

#[test]
fn an_invalid_range_is_ignored_and_the_server_lives() {
    let server = TestServer::standard();
    for range in [
        "bytes=5-2",
        "bytes=abc",
        "bytes=",
        "bytes",
        "bytes=-",
        "bytes=--5",
        "bytes=1-2-3",
        "bytes=0x0-0x5",
        "bytes=+1-5",
        "=0-4",
        "",
        "bytes=1",
        "bytes 0-4",
        "bytes=0-4;5-6",
        "bytes=,",
        "bytes=0-4,abc",
        "bytes=0-4,5-2",
    ] {
        let response = server.get("/t.bin", &[&format!("Range: {range}")]);
        response.expect(200).expect_body(pattern(1000));
    }
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn numbers_beyond_any_file_do_no_harm() {
    let server = TestServer::standard();
    for range in [
        "bytes=0-99999999999999999999",
        "bytes=0-18446744073709551615",
        "bytes=0-18446744073709551616",
    ] {
        expect_whole(&server.get("/t.bin", &[&format!("Range: {range}")]));
    }
    server
        .get("/t.bin", &["Range: bytes=99999999999999999999-"])
        .expect_any(&[200, 416]);
    server
        .get(
            "/t.bin",
            &["Range: bytes=99999999999999999998-99999999999999999999"],
        )
        .expect_any(&[200, 416]);
    // CVE-2017-7529: sums of suffixes that overflow.
    let response = server
        .get("/t.bin", &["Range: bytes=-999,-9223372036854774809"])
        .expect_any(&[200, 206]);
    assert!(response.body.len() <= 1000 + 512, "{response:?}");
}

#[test]
fn an_unknown_unit_is_ignored() {
    for range in ["items=0-4", "seconds=1-2", "bytess=0-4", "none=0-4"] {
        get(range).expect(200).expect_body(pattern(1000));
    }
}

#[test]
fn the_units_name_has_no_case() {
    get("Bytes=0-4").expect_any(&[200, 206]);
    get("BYTES=0-4").expect_any(&[200, 206]);
}

#[test]
fn spaces_around_the_members_are_allowed() {
    // OWS around list members is part of the grammar (§5.6.1); inside a range it is not.
    let response = get("bytes=0-4 ,\t10-14").expect(206);
    assert_eq!(parts(&response).1.len(), 2);
    get("bytes=0 - 4").expect(200);
}

#[test]
fn empty_members_are_skipped() {
    get("bytes=,0-4,").expect_any(&[200, 206]);
    get("bytes=0-4,,").expect_any(&[200, 206]);
}

#[test]
fn two_range_lines_are_ignored() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &["Range: bytes=0-4", "Range: bytes=5-9"])
        .expect(200)
        .expect_body(pattern(1000));
}

#[test]
fn head_knows_no_ranges() {
    let server = TestServer::standard();
    for range in ["bytes=0-4", "bytes=1000-", "bytes=0-0,500-501"] {
        let response = server
            .head("/t.bin", &[&format!("Range: {range}")])
            .expect(200);
        response
            .expect_field("Content-Length", "1000")
            .expect_no("Content-Range");
    }
}

#[test]
fn post_knows_no_ranges() {
    let server = TestServer::standard();
    server
        .send("POST", "/t.bin", &["Range: bytes=0-4", "Content-Length: 0"])
        .expect(405);
}

#[test]
fn an_empty_file_has_no_ranges() {
    let server = TestServer::standard();
    for range in ["bytes=-5", "bytes=0-", "bytes=0-0", "bytes=-0", "bytes=1-"] {
        let response = server
            .get("/empty.txt", &[&format!("Range: {range}")])
            .expect_any(&[200, 416]);
        if response.status() == 416 {
            assert_eq!(response.field("Content-Range"), "bytes */0");
        } else {
            assert!(response.body.is_empty());
        }
    }
    server
        .get("/empty.txt", &[])
        .expect(200)
        .expect_body("")
        .expect_field("Content-Length", "0");
}

#[test]
fn a_missing_file_is_404_with_a_range_as_without() {
    let server = TestServer::standard();
    server
        .get("/missing", &["Range: bytes=0-4"])
        .expect(404)
        .expect_no("Content-Range");
}

#[test]
fn several_ranges_are_parts_each_with_its_content_range() {
    let server = TestServer::standard();
    let media_type = server.get("/t.bin", &[]).field("Content-Type").to_owned();
    let response = server
        .get("/t.bin", &["Range: bytes=0-0,500-501"])
        .expect(206)
        .expect_no("Content-Range");
    let content = pattern(1000);
    let (boundary, parts) = parts(&response);
    assert_eq!(parts.len(), 2);
    for (part, (first, last)) in parts.iter().zip([(0, 0), (500, 501)]) {
        assert_eq!((part.first, part.last, part.complete), (first, last, 1000));
        assert_eq!(
            part.content,
            content[usize::try_from(first).unwrap()..=usize::try_from(last).unwrap()]
        );
        assert_eq!(
            part.media_type.as_deref(),
            Some(media_type.as_str()),
            "§15.3.7.2"
        );
    }
    assert_eq!(response.content_length(), response.body.len() as u64);
    assert!(
        !content
            .windows(boundary.len())
            .any(|bytes| bytes == boundary.as_bytes())
    );
}

#[test]
fn the_boundary_cannot_be_guessed() {
    let server = TestServer::standard();
    let boundaries: Vec<String> = (0..3)
        .map(|_| {
            parts(
                &server
                    .get("/t.bin", &["Range: bytes=0-0,500-501"])
                    .expect(206),
            )
            .0
        })
        .collect();
    assert!(
        boundaries[0] != boundaries[1]
            && boundaries[1] != boundaries[2]
            && boundaries[0] != boundaries[2],
        "{boundaries:?}"
    );
    assert!(
        boundaries[0].len() >= 16,
        "long enough to be unguessable: {boundaries:?}"
    );
}

#[test]
fn parts_come_in_the_order_asked_or_sorted_but_all_of_them() {
    let response = get("bytes=500-509,0-9,-10").expect(206);
    let mut ranges: Vec<(u64, u64)> = parts(&response)
        .1
        .iter()
        .map(|part| (part.first, part.last))
        .collect();
    ranges.sort_unstable();
    assert_eq!(ranges, [(0, 9), (500, 509), (990, 999)]);
}

#[test]
fn what_cannot_be_satisfied_is_left_out_of_several() {
    let response = get("bytes=0-4,2000-").expect(206);
    if let Some(range) = response.value("Content-Range") {
        assert_eq!(range, "bytes 0-4/1000");
    } else {
        assert_eq!(parts(&response).1.len(), 1);
    }
}

#[test]
fn overlapping_ranges_are_never_sent_twice() {
    for range in [
        "bytes=0-99,50-149",
        "bytes=50-149,0-99",
        "bytes=0-99,100-149",
        "bytes=0-149,10-20",
    ] {
        let response = get(range);
        match response.status() {
            200 => {}
            206 => assert_eq!(response.field("Content-Range"), "bytes 0-149/1000"),
            _ => panic!("{response:?}"),
        }
    }
}

#[test]
fn many_copies_of_the_file_are_one() {
    for range in [
        "bytes=0-,0-,0-,0-,0-",
        "bytes=-1000,-1000,-1000",
        "bytes=0-,1-,2-,3-,4-",
        "bytes=0-999,0-999",
    ] {
        expect_whole(&get(range));
    }
}

#[test]
fn more_than_a_hundred_ranges_are_the_whole_file() {
    let ranges: Vec<String> = (0..300).map(|i| format!("{}-{}", i * 2, i * 2)).collect();
    get(&format!("bytes={}", ranges.join(",")))
        .expect(200)
        .expect_body(pattern(1000));
}

#[test]
fn parts_never_cost_more_than_the_file() {
    for count in [2, 5, 10, 50, 100] {
        let ranges: Vec<String> = (0..count)
            .map(|i| format!("{}-{}", i * 10, i * 10))
            .collect();
        let response = get(&format!("bytes={}", ranges.join(","))).expect_any(&[200, 206]);
        assert!(
            response.body.len() <= 1000,
            "{count} ranges cost {} bytes",
            response.body.len()
        );
    }
}

#[test]
fn a_range_of_a_compressible_file_is_of_the_bytes_it_says() {
    // With no sidecar there is only identity to take a range of; a 200 in a coding is right as well.
    let server = TestServer::standard();
    let whole = server
        .get("/t.css", &[])
        .expect(200)
        .expect_no("Content-Encoding");
    for _ in 0..3 {
        let response = server
            .get("/t.css", &["Accept-Encoding: gzip", "Range: bytes=0-99"])
            .expect_any(&[200, 206]);
        if response.status() == 206 && response.value("Content-Encoding").is_none() {
            assert_eq!(response.field("Content-Range"), "bytes 0-99/6400");
            assert_eq!(response.body, whole.body[..100]);
        } else if response.status() == 206 {
            let coded = server.get("/t.css", &["Accept-Encoding: gzip"]).expect(200);
            assert_eq!(response.body, coded.body[..100]);
            assert_eq!(
                response.field("Content-Range"),
                format!("bytes 0-99/{}", coded.body.len())
            );
            assert_eq!(response.entity_tag(), coded.entity_tag());
        }
    }
}

#[test]
fn a_range_of_a_sidecar_counts_the_sidecars_bytes() {
    let server = TestServer::standard();
    for (coding, sidecar) in [("gzip", A_JS_GZ), ("br", A_JS_BR)] {
        let accept = format!("Accept-Encoding: {coding}");
        let whole = server
            .get("/a.js", &[&accept])
            .expect(200)
            .expect_body(sidecar);
        let part = server
            .get("/a.js", &[&accept, "Range: bytes=10-19"])
            .expect(206);
        assert_eq!(
            part.field("Content-Range"),
            format!("bytes 10-19/{}", sidecar.len())
        );
        assert_eq!(part.field("Content-Encoding"), coding);
        assert_eq!(part.entity_tag(), whole.entity_tag());
        part.expect_body(&sidecar[10..20]);
        let beyond = format!("Range: bytes={}-", sidecar.len());
        server
            .get("/a.js", &[&accept, &beyond])
            .expect(416)
            .expect_field("Content-Range", &format!("bytes */{}", sidecar.len()));
        // The same numbers are within the file itself.
        server
            .get("/a.js", &[&beyond])
            .expect(206)
            .expect_body(&A_JS[sidecar.len()..]);
    }
}

#[test]
fn a_range_of_a_directorys_index_is_of_the_index() {
    let server = TestServer::standard();
    server
        .get("/dir/", &["Range: bytes=0-8"])
        .expect(206)
        .expect_body("<!doctype");
}
