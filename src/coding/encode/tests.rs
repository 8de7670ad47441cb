use std::io::Read as _;

use proptest::prelude::*;

use super::*;

const EFFORTS: [Effort; 2] = [Effort::Quick, Effort::Best];

const DIGEST: [u8; 32] = [7; 32];

/// Words in an order that repeats nowhere, told by a seed.
fn text(seed: u32, length: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = [
        "gate",
        "house",
        "function",
        "return",
        " ",
        "(",
        "){\n",
        "representation",
    ];
    let mut state = seed | 1;
    let mut text = Vec::with_capacity(length + 16);
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(WORDS[(state >> 29) as usize].as_bytes());
    }
    text.truncate(length);
    text
}

fn decoded(coding: ContentCoding, coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        ContentCoding::Gzip => flate2::read::GzDecoder::new(coded).read_to_end(&mut plain),
        ContentCoding::Brotli => {
            brotli_decompressor::Decompressor::new(coded, 4096).read_to_end(&mut plain)
        }
        ContentCoding::Zstd => ruzstd::decoding::StreamingDecoder::new(coded)
            .unwrap()
            .read_to_end(&mut plain),
        _ => unreachable!(),
    }
    .unwrap();
    plain
}

/// With the dictionary that the client has, by coders that check what a client would.
fn decoded_with(coding: ContentCoding, coded: &[u8], dictionary: &[u8]) -> Vec<u8> {
    if coding == ContentCoding::DictionaryBrotli {
        let stream = coded.strip_prefix(b"\xffDCB").unwrap();
        let stream = stream.strip_prefix(&DIGEST).unwrap();
        let dictionary = dictionary.to_vec().into();
        let mut plain = Vec::new();
        brotli_decompressor::Decompressor::new_with_custom_dict(stream, 4096, dictionary)
            .read_to_end(&mut plain)
            .unwrap();
        return plain;
    }
    let magic = b"\x5e\x2a\x4d\x18\x20\0\0\0";
    assert!(coded.starts_with(magic) && coded[8..40] == DIGEST);
    // The frame before the stream is one of those that are skipped; the bound on the window is the client's.
    let stream = &coded[40..];
    let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(stream, dictionary).unwrap();
    let bound = (dictionary.len() * 5 / 4).clamp(8 << 20, 128 << 20);
    decoder.window_log_max(bound.ilog2()).unwrap();
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn each_coding_can_be_decoded_at_each_effort_and_is_always_the_same() {
    let random: Vec<u8> = (0..5000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for bytes in [Vec::new(), vec![b'a'], text(1, 100_000), random] {
        for coding in ContentCoding::LIKED {
            for effort in EFFORTS {
                let coded = encode(coding, effort, &bytes).unwrap();
                let case = format!("{coding:?} {effort:?} {}", bytes.len());
                assert!(decoded(coding, &coded) == bytes, "{case}");
                assert!(coded.capacity() <= coded.len() + 64, "{case}: memory");
                assert!(encode(coding, effort, &bytes).unwrap() == coded, "{case}");
            }
        }
    }
}

#[test]
fn the_best_is_smaller_than_the_quick() {
    let bytes = text(3, 200_000);
    for coding in ContentCoding::LIKED {
        let [quick, best] = EFFORTS.map(|effort| encode(coding, effort, &bytes).unwrap().len());
        assert!(best < quick, "{coding:?}: {best} of {quick}");
    }
}

/// RFC 9659 §3: 8 MiB at most.
#[test]
fn the_window_of_zstd_is_one_that_clients_take() {
    let bytes = text(5, 9 << 20);
    let coded = encode(ContentCoding::Zstd, Effort::Quick, &bytes).unwrap();
    let mut decoder = zstd::stream::read::Decoder::new(&coded[..]).unwrap();
    decoder.window_log_max(23).unwrap();
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    assert!(plain == bytes);
}

const WITH_DICTIONARY: [ContentCoding; 2] = [
    ContentCoding::DictionaryZstd,
    ContentCoding::DictionaryBrotli,
];

#[test]
fn a_new_version_is_told_by_what_is_new_in_it() {
    let before = text(7, 150_000);
    let mut after = before.clone();
    after.splice(70_000..70_010, text(8, 300));
    for coding in WITH_DICTIONARY {
        for effort in EFFORTS {
            let coded = encode_with_dictionary(coding, effort, &after, &before, &DIGEST).unwrap();
            let case = format!("{coding:?} {effort:?} {}", coded.len());
            assert!(coded.len() < 700, "{case}");
            assert!(decoded_with(coding, &coded, &before) == after, "{case}");
            let again = encode_with_dictionary(coding, effort, &after, &before, &DIGEST);
            assert!(again.unwrap() == coded, "{case}");
        }
    }
}

/// Such a dictionary would be read as tables of codes, were it not said that it is plain bytes.
#[test]
fn a_dictionary_that_looks_like_one_of_zstandard_is_plain_bytes() {
    let before = [&b"\x37\xa4\x30\xec"[..], &text(9, 4000)].concat();
    let after = before.clone();
    for coding in WITH_DICTIONARY {
        let coded =
            encode_with_dictionary(coding, Effort::Quick, &after, &before, &DIGEST).unwrap();
        assert!(coded.len() < 100, "{coding:?} {}", coded.len());
        assert!(decoded_with(coding, &coded, &before) == after);
    }
}

#[test]
fn a_dictionary_larger_than_the_window_is_used_as_far_as_it_reaches() {
    let before = text(11, 17 << 20);
    let after = before[12 << 20..].to_vec();
    for coding in WITH_DICTIONARY {
        let coded =
            encode_with_dictionary(coding, Effort::Quick, &after, &before, &DIGEST).unwrap();
        assert!(coded.len() < after.len() / 50, "{coding:?} {}", coded.len());
        assert!(decoded_with(coding, &coded, &before) == after, "{coding:?}");
    }
}

#[test]
fn what_has_no_coding_is_refused() {
    let coded = |coding, bytes: &[u8]| {
        encode_with_dictionary(coding, Effort::Quick, bytes, b"dictionary", &DIGEST)
    };
    assert!(coded(ContentCoding::Brotli, b"").is_err());
    assert!(coded(ContentCoding::DictionaryBrotli, &vec![0; 1 << 24]).is_err());
    for coding in WITH_DICTIONARY {
        assert!(encode(coding, Effort::Quick, b"").is_err());
    }
}

/// A copy from the dictionary would have to end where the dictionary ends.
#[test]
fn what_goes_on_across_the_end_of_the_dictionary_is_decoded_again() {
    let all: Vec<u8> = (0..=255).collect();
    let cases: [(&[u8], &[u8], bool); 6] = [
        (b"aaaaaaaa", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
        (b"a", b"aaaaaaaaaaaaaaaaa", true),
        (b"", b"aaaaaaaaaaaaaaaaa", true),
        (b"0123456789", b"abcdef 56789abcdef 9abcdef", true),
        // Every byte is used, but the last of the dictionary never stands before the first of the bytes; and then it does.
        (&all, &all, true),
        (&all, &[&all[..], &all].concat(), false),
    ];
    for (dictionary, bytes, is_coded) in cases {
        for effort in EFFORTS {
            let coding = ContentCoding::DictionaryBrotli;
            let coded = encode_with_dictionary(coding, effort, bytes, dictionary, &DIGEST);
            assert_eq!(coded.is_ok(), is_coded, "{dictionary:?}");
            if let Ok(coded) = coded {
                assert!(decoded_with(coding, &coded, dictionary) == bytes);
            }
        }
    }
}

proptest! {
    /// Few different bytes, so that much repeats, across the end of the dictionary too.
    #[test]
    fn any_bytes_by_any_dictionary_are_decoded_again(
        dictionary in proptest::collection::vec(0_u8..3, 0..300),
        bytes in proptest::collection::vec(0_u8..3, 0..600),
        rest in 0_usize..300,
        is_best: bool,
    ) {
        let effort = if is_best { Effort::Best } else { Effort::Quick };
        let tail = &dictionary[rest.min(dictionary.len())..];
        let bytes = [tail, &bytes[..], &dictionary[..]].concat();
        for coding in WITH_DICTIONARY {
            let coded =
                encode_with_dictionary(coding, effort, &bytes, &dictionary, &DIGEST).unwrap();
            prop_assert!(decoded_with(coding, &coded, &dictionary) == bytes, "{coding:?}");
        }
    }
}
