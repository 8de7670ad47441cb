//! The visit after an update, by a client that has kept what it got before it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::Result;
use crate::assets::{Asset, Assets};
use crate::decode::Dictionary;
use crate::fetch::{Codings, Sent, Weight};
use crate::options::Options;
use crate::server::{Kind, Running};

/// The codings with a dictionary, in the order of the columns.
pub(crate) const CODINGS: &[&str] = &["dcb", "dcz"];

/// What a browser says of a script of the same site.
const SAME_ORIGIN: &[(&str, &str)] = &[
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "no-cors"),
    ("Sec-Fetch-Dest", "script"),
];

/// A row of the second table.
pub(crate) struct Update {
    /// Which asset.
    pub(crate) row: usize,
    pub(crate) release: &'static str,
    /// One for each of [`CODINGS`].
    pub(crate) weights: Vec<Weight>,
}

impl Update {
    /// Those assets that had a release before.
    pub(crate) fn all(assets: &Assets, options: &Options, scratch: &Path) -> Result<Vec<Self>> {
        let updated: Vec<(usize, &Asset)> = (assets.all.iter().enumerate())
            .filter(|(_, asset)| asset.former.is_some())
            .collect();
        if updated.is_empty() {
            return Ok(Vec::new());
        }
        eprintln!("Daemun, the visit after an update …");
        let folder = scratch.join("updated");
        for former in updated
            .iter()
            .filter_map(|(_, asset)| asset.former.as_ref())
        {
            former.file.write(&folder)?;
        }
        let running = Running::start(Kind::Daemun, options, &folder, scratch)?;
        let kept = first_visit(&updated, &running)?;
        deploy(&updated, &folder)?;
        let sent = second_visit(&updated, &kept, &running)?;
        let mut codings = Codings::of(assets.all.len(), sent);
        if !options.first_only {
            codings.wait_for_best(&running, options.patience)?;
        }
        let weights: Vec<Vec<Weight>> = CODINGS
            .iter()
            .map(|coding| codings.weights(coding))
            .collect();
        let rows = updated.iter().filter_map(|(row, asset)| {
            let former = asset.former.as_ref()?;
            Some(Self {
                row: *row,
                release: former.release,
                weights: weights.iter().map(|weights| weights[*row]).collect(),
            })
        });
        Ok(rows.collect())
    }
}

/// Whether the client was told to keep what it got, asset by asset.
fn first_visit(updated: &[(usize, &Asset)], running: &Running) -> Result<Vec<bool>> {
    let mut client = running.client()?;
    let mut kept = Vec::new();
    for former in updated
        .iter()
        .filter_map(|(_, asset)| asset.former.as_ref())
    {
        let mut fields = vec![("Accept-Encoding", "gzip, br, zstd, dcb, dcz")];
        fields.extend(SAME_ORIGIN);
        let path = &former.file.path;
        let answer = client.get(path, &fields)?;
        if answer.status != 200 {
            return Err(format!("{path}: status {}", answer.status).into());
        }
        let use_as = answer.field("use-as-dictionary");
        if use_as.is_none() {
            eprintln!("  {path}: no Use-As-Dictionary");
        }
        kept.push(use_as.is_some());
    }
    Ok(kept)
}

/// The newer files come, the former ones go.
fn deploy(updated: &[(usize, &Asset)], folder: &Path) -> Result<()> {
    for (_, asset) in updated {
        for file in &asset.files {
            file.write(folder)?;
        }
        if let Some(former) = &asset.former {
            fs::remove_file(former.file.place(folder))?;
        }
    }
    // A file that has just been written may still change.
    std::thread::sleep(Duration::from_millis(2_500));
    Ok(())
}

fn second_visit<'a>(
    updated: &[(usize, &'a Asset)],
    kept: &[bool],
    running: &Running,
) -> Result<Vec<Sent<'a>>> {
    let mut client = running.client()?;
    let mut all = Vec::new();
    for ((row, asset), kept) in updated.iter().zip(kept) {
        let former = asset.former.as_ref().filter(|_| *kept);
        let (Some(former), Some(file)) = (former, asset.files.first()) else {
            continue;
        };
        for coding in CODINGS {
            let dictionary = Dictionary {
                bytes: &former.file.bytes,
                digest: Sha256::digest(&former.file.bytes).into(),
            };
            let available = format!(":{}:", base64(&dictionary.digest));
            let mut fields = vec![("Available-Dictionary", available)];
            fields.extend(
                SAME_ORIGIN
                    .iter()
                    .map(|(name, value)| (*name, (*value).to_owned())),
            );
            all.push(Sent::first(
                &mut client,
                *row,
                file,
                coding,
                fields,
                Some(dictionary),
            )?);
        }
    }
    Ok(all)
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut number = 0_usize;
        for place in 0..3 {
            number = number << 8 | usize::from(group.get(place).copied().unwrap_or(0));
        }
        for digit in 0..4 {
            let is_there = digit <= group.len();
            let six = number >> (18 - 6 * digit) & 63;
            text.push(if is_there {
                char::from(DIGITS[six])
            } else {
                '='
            });
        }
    }
    text
}
