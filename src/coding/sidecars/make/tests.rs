use std::fs;
use std::path::Path;

use super::*;
use crate::coding::sidecars::SidecarCoding as Coding;

fn original(root: &Path, content: &[u8]) -> Original {
    let path = root.join("a.js");
    fs::write(&path, content).unwrap();
    Original {
        folder: "".into(),
        name: "a.js".to_owned(),
        path,
        media_type: "text/javascript".to_owned(),
        length: content.len() as u64,
    }
}

fn is_good(root: &Path, coding: Coding) -> bool {
    let path = root.join(["a.js", coding.extension()].concat());
    let file = fs::File::open(root.join("a.js")).unwrap();
    fs::File::open(path).is_ok_and(|sidecar| decodes_to(coding.content_coding(), sidecar, file))
}

fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_large_file_is_coded_file_to_file() {
    let root = tempfile::tempdir().unwrap();
    let content = b"the quick brown fox ".repeat(50_000);
    let original = original(root.path(), &content);
    let folder = Folder::open(root.path(), "".as_ref()).unwrap();
    let stop = Stop::default();
    for coding in Coding::ALL {
        let mut maker = Maker::new(&folder, &original, coding, &stop);
        maker.large = 1000;
        let (length, state) = maker.make().unwrap();
        assert_eq!(length, content.len() as u64);
        assert!(matches!(state, SidecarState::Made(1..10_000)), "{state:?}");
        assert!(is_good(root.path(), coding), "{coding}");
        assert!(matches!(maker.make().unwrap().1, SidecarState::Fresh(_)));
    }
    assert_eq!(names(root.path()).len(), 4);
}

#[test]
fn a_stop_waits_for_who_is_writing_and_lets_nobody_begin() {
    let root = tempfile::tempdir().unwrap();
    let original = original(root.path(), &b"words ".repeat(100_000));
    let folder = Folder::open(root.path(), "".as_ref()).unwrap();
    let stop = Stop::default();
    let mut maker = Maker::new(&folder, &original, Coding::Gzip, &stop);
    maker.large = 1000;
    let (file, metadata) = folder.read("a.js").unwrap();
    let writing = stop.writing().unwrap();
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| stop.stop());
        while stop.go_on().is_ok() {
            std::thread::yield_now();
        }
        assert!(!ended.is_finished(), "who is writing is waited for");
        drop(writing);
    });
    let error = maker.file_to_file(&file, &metadata).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    assert!(maker.in_memory(file, &metadata).is_err());
    assert_eq!(names(root.path()), ["a.js"]);
}

#[test]
fn what_was_made_of_a_former_state_is_not_put_in_place() {
    let root = tempfile::tempdir().unwrap();
    let original = original(root.path(), &b"former ".repeat(100));
    let folder = Folder::open(root.path(), "".as_ref()).unwrap();
    let stop = Stop::default();
    let maker = Maker::new(&folder, &original, Coding::Gzip, &stop);
    let (file, former) = folder.read("a.js").unwrap();
    fs::write(root.path().join("new"), b"later".repeat(200)).unwrap();
    fs::rename(root.path().join("new"), root.path().join("a.js")).unwrap();
    assert!(maker.in_memory(file, &former).unwrap().is_none());
    assert_eq!(names(root.path()), ["a.js"]);
    assert!(matches!(maker.make().unwrap().1, SidecarState::Made(_)));
    assert!(is_good(root.path(), Coding::Gzip));
}

#[test]
fn five_percent_must_be_saved() {
    for (length, coded, expected) in [
        (1000, 950, true),
        (1000, 951, false),
        (1000, 2000, false),
        (256, 243, true),
        (256, 244, false),
    ] {
        assert_eq!(is_worthwhile(length, coded), expected, "{length} {coded}");
    }
}
