//! Certificates that change on the disk while they are in use.
//!
//! 1. A thread of its own looks at the files, every `revalidate`. What a path leads to counts, so that a link may be switched over.
//! 2. A pair that looks different is read and checked anew.
//! 3. A good one takes the place of the old. One that is not, a certificate without its new key as yet, or one that has expired, is told
//!    of, and the old one stays.
//! 4. Once a day it is told which ones end soon.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

use super::certificate::{Certificate, Standing, Validity};
use super::table::{Resolver, Table};
use crate::config::{CertificateSource, TlsSettings};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A file written so lately may be written once more without its stamp showing it.
const FRESH: Duration = Duration::from_secs(2);

/// Ends the thread when it is dropped.
#[derive(Debug)]
pub(super) struct Watch(
    #[allow(dead_code, reason = "kept for its drop: the thread's receiver notices")]
    Option<Sender<()>>,
);

impl Watch {
    /// `certificates` are those that the resolver has, in the order of the settings.
    pub(super) fn start(
        settings: &TlsSettings,
        certificates: &[Certificate],
        resolver: &Arc<Resolver>,
    ) -> Self {
        let is_of_files =
            |source: &CertificateSource| matches!(source, CertificateSource::Files { .. });
        if !settings.certificates.iter().any(is_of_files) {
            return Self(None);
        }
        let (sender, ended) = mpsc::channel();
        let watcher = Watcher::new(settings.clone(), certificates, Arc::clone(resolver));
        let started = std::thread::Builder::new()
            .name("certificates".to_owned())
            .spawn(move || watcher.run(&ended));
        if let Err(error) = started {
            tracing::error!(%error, "changed certificates will not be noticed: no thread could be started to look for them");
        }
        Self(Some(sender))
    }
}

struct Watcher {
    settings: TlsSettings,
    resolver: Arc<Resolver>,
    provider: CryptoProvider,
    pairs: Vec<Pair>,
}

/// One pair as it is known.
struct Pair {
    /// What is served.
    current: Certificate,
    seen: Option<[Stamp; 2]>,
    /// What was told last, so that it is told once.
    told: Option<String>,
}

/// By what a changed file is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Watcher {
    fn new(settings: TlsSettings, certificates: &[Certificate], resolver: Arc<Resolver>) -> Self {
        let pair = |certificate: &Certificate| Pair {
            current: certificate.clone(),
            // Unknown: the files may have changed since the configuration was read.
            seen: None,
            told: None,
        };
        Self {
            settings,
            resolver,
            provider: aws_lc_rs::default_provider(),
            pairs: certificates.iter().map(pair).collect(),
        }
    }

    fn run(mut self, ended: &Receiver<()>) {
        let mut told = Instant::now();
        while ended.recv_timeout(self.settings.revalidate) == Err(RecvTimeoutError::Timeout) {
            self.look();
            if told.elapsed() >= DAY {
                told = Instant::now();
                tell_of_dates(&self.settings, self.pairs.iter().map(|pair| &pair.current));
            }
        }
    }

    fn look(&mut self) {
        let mut has_changed = false;
        for (source, pair) in self.settings.certificates.iter().zip(&mut self.pairs) {
            has_changed |= pair.look(source, &self.provider);
        }
        if has_changed {
            let current = self.pairs.iter().map(|pair| &pair.current);
            self.resolver.replace(Table::new(current));
        }
    }
}

impl Pair {
    /// Whether there is a new one to serve.
    fn look(&mut self, source: &CertificateSource, provider: &CryptoProvider) -> bool {
        let CertificateSource::Files { cert, key } = source else {
            return false;
        };
        let now = SystemTime::now();
        let stamps = Stamp::of(cert)
            .zip(Stamp::of(key))
            .map(|(cert, key)| [cert, key]);
        if stamps.is_some() && stamps == self.seen {
            return false;
        }
        self.seen = stamps.filter(|stamps| !stamps.iter().any(|stamp| stamp.is_fresh(now)));
        let loaded = Certificate::load(source, provider).map_err(|error| error.what);
        match loaded.and_then(|new| usable(new, source, now)) {
            Ok(new) if new.key.cert == self.current.key.cert => {
                self.told = None;
                false
            }
            Ok(new) => {
                tracing::info!(names = ?new.names, "the certificate {} was renewed", cert.display());
                self.told = None;
                self.current = new;
                true
            }
            Err(why) => {
                if self.told.as_ref() != Some(&why) {
                    tracing::error!("{why}; the one from before stays in use");
                    self.told = Some(why);
                }
                false
            }
        }
    }
}

/// Only a pair that clients would accept takes the place of another.
fn usable(
    certificate: Certificate,
    source: &CertificateSource,
    now: SystemTime,
) -> Result<Certificate, String> {
    let (name, _) = source.names();
    match certificate.validity.standing(now) {
        Standing::Good | Standing::EndsSoon => Ok(certificate),
        Standing::Expired => Err(format!(
            "the new certificate in {name} expired on {}",
            httpdate::fmt_http_date(certificate.validity.until)
        )),
        Standing::NotYet => Err(format!(
            "the new certificate in {name} is not valid before {}",
            httpdate::fmt_http_date(certificate.validity.from)
        )),
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        let changed = Duration::from_secs(u64::try_from(self.changed.0).unwrap_or_default());
        now.duration_since(SystemTime::UNIX_EPOCH + changed)
            .is_ok_and(|age| age < FRESH)
    }
}

/// What clients complain of, or soon will: it is served all the same. `certificates` are in the order of the settings.
pub(super) fn tell_of_dates<'a>(
    settings: &TlsSettings,
    certificates: impl Iterator<Item = &'a Certificate>,
) {
    let now = SystemTime::now();
    let date = httpdate::fmt_http_date;
    for (certificate, source) in certificates.zip(&settings.certificates) {
        let (name, _) = source.names();
        let Validity { from, until } = certificate.validity;
        match certificate.validity.standing(now) {
            Standing::Good => {}
            Standing::EndsSoon => {
                tracing::warn!(
                    "the certificate in {name} expires on {}: renew it",
                    date(until)
                );
            }
            Standing::Expired => tracing::error!(
                "the certificate in {name} expired on {}: clients will refuse it",
                date(until)
            ),
            Standing::NotYet => tracing::error!(
                "the certificate in {name} is not valid before {}: clients will refuse it",
                date(from)
            ),
        }
    }
}
