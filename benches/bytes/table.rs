//! The tables, in Markdown.

use std::process::Command;

use crate::assets::{Asset, Assets};
use crate::fetch::Weight;
use crate::server::Kind;
use crate::update::{CODINGS, Update};

/// What each server sent in each coding, row by row.
type Column = (Kind, &'static str, Vec<Weight>);

pub(crate) fn print(assets: &Assets, columns: &[Column], best_br: &[Weight], updates: &[Update]) {
    println!("{}\n", versions());
    by_coding(assets, columns);
    if updates
        .iter()
        .any(|update| update.weights.iter().any(|weight| weight.is_coded))
    {
        after_update(assets, best_br, updates);
    } else if !updates.is_empty() {
        println!("\nNo answer was coded with a dictionary.");
    }
}

fn by_coding(assets: &Assets, columns: &[Column]) {
    println!(
        "KiB on the wire, without heads; a → b: the first answer, and the best one, once it is asked for often; –: not in that coding.\n"
    );
    let heads: Vec<String> = columns
        .iter()
        .map(|(kind, coding, _)| match kind {
            Kind::Nginx => format!("{}, {coding} 6", kind.name()),
            Kind::Caddy | Kind::Daemun => format!("{}, {coding}", kind.name()),
        })
        .collect();
    println!("| Asset | as it is | {} |", heads.join(" | "));
    println!("|---|{}", "--:|".repeat(columns.len() + 1));
    for (row, asset) in assets.all.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, _, weights)| cell(weights[row]))
            .collect();
        println!(
            "| {} | {} | {} |",
            asset.name,
            kib(asset.length()),
            cells.join(" | ")
        );
    }
    let sum: usize = assets.all.iter().map(Asset::length).sum();
    let sums: Vec<String> = columns
        .iter()
        .map(|(_, _, weights)| cell(total(weights)))
        .collect();
    println!("| **Together** | {} | {} |", kib(sum), sums.join(" | "));
    let Some(nginx) = columns.first().map(|(_, _, weights)| total(weights).best) else {
        return;
    };
    let shares: Vec<String> = columns
        .iter()
        .map(|(_, _, weights)| percent(total(weights).best, nginx))
        .collect();
    println!("| to nginx | | {} |", shares.join(" | "));
}

fn after_update(assets: &Assets, best_br: &[Weight], updates: &[Update]) {
    println!(
        "\nThe visit after an update, by a browser that has kept the release before; KiB on the wire.\n"
    );
    println!(
        "| Asset | before | as it is | br, no dictionary | {} | of br |",
        CODINGS.join(" | ")
    );
    println!("|---|---|{}", "--:|".repeat(CODINGS.len() + 3));
    for update in updates {
        let asset = &assets.all[update.row];
        let br = best_br[update.row].best;
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            asset.name,
            update.release,
            kib(asset.length()),
            kib(br),
            update
                .weights
                .iter()
                .map(|weight| cell(*weight))
                .collect::<Vec<_>>()
                .join(" | "),
            smallest(update).map_or_else(|| "–".to_owned(), |least| percent(least, br)),
        );
    }
}

/// The best of those that were coded.
fn smallest(update: &Update) -> Option<usize> {
    let coded = update.weights.iter().filter(|weight| weight.is_coded);
    coded.map(|weight| weight.best).min()
}

fn total(weights: &[Weight]) -> Weight {
    weights
        .iter()
        .fold(Weight::default(), |sum, weight| Weight {
            first: sum.first + weight.first,
            best: sum.best + weight.best,
            is_coded: sum.is_coded | weight.is_coded,
        })
}

fn cell(weight: Weight) -> String {
    if !weight.is_coded {
        "–".to_owned()
    } else if weight.best == weight.first {
        kib(weight.first)
    } else {
        format!("{} → {}", kib(weight.first), kib(weight.best))
    }
}

/// With one decimal where it matters.
fn kib(bytes: usize) -> String {
    let kib = bytes as f64 / 1024.0;
    if kib < 99.95 {
        return format!("{kib:.1}");
    }
    let digits = format!("{kib:.0}");
    let (first, rest) = digits.split_at(digits.len().saturating_sub(3));
    if first.is_empty() {
        rest.to_owned()
    } else {
        format!("{first},{rest}")
    }
}

fn percent(part: usize, whole: usize) -> String {
    let percent = 100.0 * part as f64 / whole as f64;
    if percent < 9.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

fn versions() -> String {
    let said = |program: &str, flag: &str| {
        let output = Command::new(program).arg(flag).output().ok()?;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).ok()?;
        Some(said.lines().next()?.trim().to_owned())
    };
    let nginx = said("/usr/sbin/nginx", "-v").unwrap_or_default();
    let caddy = said("caddy", "version").unwrap_or_default();
    format!(
        "Daemun {}, nginx {}, Caddy {}.",
        env!("CARGO_PKG_VERSION"),
        nginx.trim_start_matches("nginx version: nginx/"),
        caddy.split(' ').next().unwrap_or_default()
    )
}
