//! `--tls-self-signed`: a certificate that nobody vouches for, for development on one's own machine.
//!
//! 1. The one from before, if it is still good: then the exception that a person made in the browser still holds.
//! 2. Else a new one, kept in the user's state folder (XDG Base Directory: `$XDG_STATE_HOME`, or `~/.local/state`).
//! 3. Where nothing can be kept, it lives as long as the process.

use std::{
    error::Error,
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Some systems trust none that is valid for longer than 398 days.
const LIFETIME: Duration = DAY.saturating_mul(365);

/// One that is older is made anew, long before it ends.
const RENEWED_AFTER: Duration = DAY.saturating_mul(300);

/// A certificate and its key.
pub(crate) struct SelfSigned {
    /// Both, in PEM: in one file, they cannot come apart.
    pub(super) pem: String,
    /// The file. None: in memory only.
    kept_in: Option<PathBuf>,
}

impl SelfSigned {
    pub(super) fn take_or_make() -> Result<Self, Box<dyn Error>> {
        let file = state_file();
        if let Some(own) = file.as_deref().and_then(Self::take) {
            return Ok(own);
        }
        let mut own = Self::make()?;
        match file.map(|file| own.keep(&file).map(|()| file)) {
            Some(Ok(file)) => own.kept_in = Some(file),
            Some(Err(error)) => {
                tracing::warn!("the certificate cannot be kept for the next time: {error}");
            }
            None => {}
        }
        Ok(own)
    }

    /// Tells a person what the browser will say.
    pub(super) fn tell(&self) {
        let kept = match &self.kept_in {
            Some(file) => format!("kept in {}", file.display()),
            None => "new with each start".to_owned(),
        };
        eprintln!("self-signed certificate for development ({kept}): browsers will warn of it");
    }

    fn take(file: &Path) -> Option<Self> {
        let made = fs::metadata(file).ok()?.modified().ok()?;
        if SystemTime::now()
            .duration_since(made)
            .is_ok_and(|age| age > RENEWED_AFTER)
        {
            return None;
        }
        Some(Self {
            pem: fs::read_to_string(file).ok()?,
            kept_in: Some(file.to_owned()),
        })
    }

    fn make() -> Result<Self, rcgen::Error> {
        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        names.extend(host_name());
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Daemun, for development");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now();
        // A clock elsewhere may be a little behind.
        params.not_before = (now - DAY).into();
        params.not_after = (now + LIFETIME).into();
        let key = KeyPair::generate()?;
        let cert = params.self_signed(&key)?;
        Ok(Self {
            pem: cert.pem() + &key.serialize_pem(),
            kept_in: None,
        })
    }

    /// For the user alone, and in one step: another process may read it at the same time.
    fn keep(&self, file: &Path) -> io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let new = file.with_extension(format!("new-{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let mut written = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        written.write_all(self.pem.as_bytes())?;
        fs::rename(new, file)
    }
}

fn state_file() -> Option<PathBuf> {
    let given = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = given("XDG_STATE_HOME").or_else(|| Some(given("HOME")?.join(".local/state")))?;
    Some(state.join("daemun/self-signed.pem"))
}

/// As others in the network may call this machine; only what can be a DNS name.
fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.split('.').all(is_label).then_some(name)
}
