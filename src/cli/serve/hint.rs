//! Slips of the fingers that make something else into the root.

use daemun::ListenAddress;

use super::ServeArgs;

const VERBS: [&str; 10] = [
    "serve",
    "check",
    "reload",
    "upgrade",
    "status",
    "top",
    "explain",
    "compress",
    "completions",
    "help",
];

/// What was likely meant by a root that is no folder.
pub(super) fn hint(args: &ServeArgs) -> Option<String> {
    let root = args.root.as_deref().filter(|root| !root.is_dir())?;
    let word = root.to_str()?;
    if args.spa.is_some() {
        return Some(format!(
            "the file of --spa follows an equals sign: --spa={word}"
        ));
    }
    if !args.cors.is_empty() && word.contains("://") {
        return Some(format!(
            "the origin of --cors follows an equals sign: --cors={word}"
        ));
    }
    if word.contains("://") || word.starts_with("unix:") {
        return Some(format!("to forward to it: daemun --proxy {word}"));
    }
    if root.is_file()
        && root
            .extension()
            .is_some_and(|extension| extension == "toml")
    {
        return Some(format!("to read it as the configuration: daemun -c {word}"));
    }
    if word.parse::<ListenAddress>().is_ok() {
        return Some(format!("to listen there: daemun -l {word}"));
    }
    // Of three letters, two that differ are another word.
    let is_near = |verb: &&str| strsim::damerau_levenshtein(verb, word) <= (verb.len() / 2).min(2);
    let verb = VERBS.into_iter().find(is_near)?;
    Some(format!("for the command: daemun {verb}"))
}
