//! Whether a sidecar is what its name says: the file beside it, coded.

use std::io::{self, BufReader, Read};

use crate::header::accept_encoding::ContentCoding;

/// Decodes and compares up to the first difference, so a sidecar that decodes to gigabytes costs no more than the file has bytes. What cannot be
/// read or decoded is not the same.
pub(crate) fn decodes_to(coding: ContentCoding, coded: impl Read, file: impl Read) -> bool {
    let coded = BufReader::with_capacity(CHUNK, coded);
    let is_same = match coding {
        ContentCoding::Identity => is_same(coded, file),
        ContentCoding::Gzip => is_same(flate2::bufread::MultiGzDecoder::new(coded), file),
        ContentCoding::Brotli => {
            is_same(brotli_decompressor::Decompressor::new(coded, CHUNK), file)
        }
        ContentCoding::Zstd => zstd(coded, file),
        // Made for one client, never kept as a file.
        ContentCoding::DictionaryBrotli | ContentCoding::DictionaryZstd => Ok(false),
    };
    is_same.unwrap_or(false)
}

/// Whether it is a coding of anything, from its beginning to its end.
pub(crate) fn is_sound(coding: ContentCoding, coded: impl Read) -> bool {
    let mut coded = BufReader::with_capacity(CHUNK, coded);
    let mut nowhere = io::sink();
    let decoded = match coding {
        ContentCoding::Gzip => io::copy(
            &mut flate2::bufread::MultiGzDecoder::new(coded),
            &mut nowhere,
        ),
        ContentCoding::Brotli => {
            let mut decoder = brotli_decompressor::Decompressor::new(coded, CHUNK);
            io::copy(&mut decoder, &mut nowhere)
        }
        ContentCoding::Zstd => ruzstd::decoding::StreamingDecoder::new(&mut coded)
            .map_err(io::Error::other)
            .and_then(|mut first| io::copy(&mut first, &mut nowhere)),
        _ => return false,
    };
    decoded.is_ok_and(|length| length > 0)
}

/// Whether this stream of Brotli gives the bytes to a client that has the dictionary.
pub(crate) fn decodes_with(dictionary: &[u8], coded: &[u8], bytes: &[u8]) -> bool {
    let dictionary = dictionary.to_vec().into();
    let decoder = brotli_decompressor::Decompressor::new_with_custom_dict(coded, CHUNK, dictionary);
    is_same(decoder, bytes).unwrap_or(false)
}

const CHUNK: usize = 64 << 10;

/// A Zstandard file may be several frames, one behind the other (RFC 8878 §3).
fn zstd(mut coded: impl io::BufRead, mut file: impl Read) -> io::Result<bool> {
    while !coded.fill_buf()?.is_empty() {
        let frame =
            ruzstd::decoding::StreamingDecoder::new(&mut coded).map_err(io::Error::other)?;
        if !is_prefix(frame, &mut file)? {
            return Ok(false);
        }
    }
    is_same(io::empty(), file)
}

fn is_same(mut decoded: impl Read, mut file: impl Read) -> io::Result<bool> {
    Ok(is_prefix(&mut decoded, &mut file)? && file.read(&mut [0])? == 0)
}

/// Whether `file` goes on with all of `decoded`.
fn is_prefix(mut decoded: impl Read, mut file: impl Read) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let length = decoded.read(&mut left)?;
        if length == 0 {
            return Ok(true);
        }
        match file.read_exact(&mut right[..length]) {
            Ok(()) if left[..length] == right[..length] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        coder.write_all(bytes).unwrap();
        coder.finish().unwrap()
    }

    #[test]
    fn a_sidecar_is_the_file_or_it_is_not() {
        let file = b"the quick brown fox ".repeat(10_000);
        let coded = gzip(&file);
        let holds = |coded: &[u8], file: &[u8]| decodes_to(ContentCoding::Gzip, coded, file);
        assert!(holds(&coded, &file));
        assert!(holds(&gzip(b""), b""));
        assert!(!holds(&coded, &file[1..]), "another file");
        assert!(!holds(&coded, &file[..file.len() - 1]), "a longer one");
        assert!(!holds(&gzip(&file[1..]), &file), "a shorter one");
        assert!(!holds(&coded[..coded.len() - 9], &file), "cut off");
        assert!(!holds(b"no gzip at all", &file));
        let two_members = [gzip(&file), gzip(b"and more")].concat();
        assert!(holds(&two_members, &[&file[..], b"and more"].concat()));
    }

    #[test]
    fn a_coding_of_anything_is_sound_when_it_is_whole() {
        let coded = gzip(b"some other content");
        assert!(is_sound(ContentCoding::Gzip, &coded[..]));
        assert!(!is_sound(ContentCoding::Gzip, &coded[..coded.len() - 1]));
        assert!(!is_sound(ContentCoding::Gzip, &b"no gzip"[..]));
        assert!(!is_sound(ContentCoding::Zstd, &coded[..]));
        assert!(!is_sound(ContentCoding::Zstd, &b""[..]));
    }

    #[test]
    fn what_decodes_to_something_endless_is_given_up_at_the_first_difference() {
        let zeros = gzip(&vec![0; 64 << 20]);
        assert!(!decodes_to(ContentCoding::Gzip, &zeros[..], &b"short"[..]));
    }
}
