//! The files: packages as they are published, under names with a fingerprint as a bundler would give them, and pages of documentation.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::Result;
use crate::options::Options;

/// A file of a package; `*` in its path stands for what differs between releases.
struct Published {
    package: &'static str,
    /// The release before, and the newer one.
    releases: [&'static str; 2],
    path: &'static str,
}

const PUBLISHED: &[Published] = &[
    Published {
        package: "react-dom",
        releases: ["19.2.9", "19.3.1"],
        path: "cjs/react-dom-client.production.js",
    },
    Published {
        package: "three",
        releases: ["0.186.1", "0.187.0"],
        path: "build/three.core.js",
    },
    Published {
        package: "three",
        releases: ["0.186.1", "0.187.0"],
        path: "build/three.module.js",
    },
    Published {
        package: "monaco-editor",
        releases: ["0.56.0", "0.57.0"],
        path: "min/vs/editor-*.js",
    },
    Published {
        package: "pdfjs-dist",
        releases: ["6.4.299", "6.5.438"],
        path: "build/pdf.min.mjs",
    },
    Published {
        package: "pdfjs-dist",
        releases: ["6.4.299", "6.5.438"],
        path: "build/pdf.worker.min.mjs",
    },
    Published {
        package: "bootstrap",
        releases: ["5.3.8", "5.3.9"],
        path: "dist/css/bootstrap.min.css",
    },
    Published {
        package: "bootstrap",
        releases: ["5.3.8", "5.3.9"],
        path: "dist/js/bootstrap.bundle.min.js",
    },
];

/// Pages of the Rust documentation: one each, and all those in some folders together.
const PAGES: &[&str] = &[
    "std/vec/struct.Vec.html",
    "std/iter/trait.Iterator.html",
    "book/print.html",
];
const FOLDERS: &[&str] = &["std/fs", "std/io", "std/net"];

pub(crate) struct Assets {
    /// What the servers serve: all assets, the newer releases.
    pub(crate) folder: PathBuf,
    pub(crate) all: Vec<Asset>,
}

/// A row of the tables.
pub(crate) struct Asset {
    pub(crate) name: String,
    pub(crate) files: Vec<File>,
    pub(crate) former: Option<Former>,
}

pub(crate) struct File {
    /// As it is asked for, with its first slash.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// The release before.
pub(crate) struct Former {
    pub(crate) release: &'static str,
    pub(crate) file: File,
}

impl Assets {
    /// Fetches, unpacks and lays out what is asked for.
    pub(crate) fn gather(options: &Options, scratch: &Path) -> Result<Self> {
        let mut all = Vec::new();
        for published in PUBLISHED {
            if options.wants(published.package) {
                all.push(published.asset(scratch)?);
            }
        }
        if options.wants("rust") {
            match documentation() {
                Some(folder) => all.extend(pages(&folder)?),
                None => eprintln!("no Rust documentation here: rustup component add rust-docs"),
            }
        }
        if all.is_empty() {
            return Err("no asset has such a name; see --help".into());
        }
        let assets = Self {
            folder: scratch.join("root"),
            all,
        };
        for file in assets.all.iter().flat_map(|asset| &asset.files) {
            file.write(&assets.folder)?;
        }
        Ok(assets)
    }
}

impl Asset {
    /// All its bytes, uncoded.
    pub(crate) fn length(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }
}

impl File {
    pub(crate) fn place(&self, folder: &Path) -> PathBuf {
        folder.join(self.path.trim_start_matches('/'))
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let place = self.place(folder);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(place, &self.bytes)?)
    }
}

impl Published {
    fn asset(&self, scratch: &Path) -> Result<Asset> {
        let [before, newer] = self.releases;
        let file_name = self.path.rsplit('/').next().unwrap_or(self.path);
        Ok(Asset {
            name: format!(
                "{} {newer}: `{}`",
                self.package,
                file_name.replace("-*", "")
            ),
            files: vec![self.file(newer, scratch)?],
            former: Some(Former {
                release: before,
                file: self.file(before, scratch)?,
            }),
        })
    }

    /// `/bootstrap/bootstrap.min.0123456789abcdef.css`
    fn file(&self, release: &str, scratch: &Path) -> Result<File> {
        let unpacked = scratch
            .join("packages")
            .join(format!("{}-{release}", self.package));
        if !unpacked.is_dir() {
            unpack(&archive(self.package, release)?, &unpacked)?;
        }
        let place = only_match(&unpacked.join("package"), self.path)?;
        let bytes = fs::read(place)?;
        let (_, file_name) = self.path.rsplit_once('/').unwrap_or(("", self.path));
        let file_name = file_name.replace("-*", "");
        let (stem, extension) = file_name
            .rsplit_once('.')
            .ok_or("a file without an ending")?;
        let fingerprint = hexadecimal(&Sha256::digest(&bytes)[..8]);
        Ok(File {
            path: format!("/{}/{stem}.{fingerprint}.{extension}", self.package),
            bytes,
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The package as npm has it, kept in the target folder.
fn archive(package: &str, release: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm");
    let archive = folder.join(format!("{package}-{release}.tgz"));
    if !archive.is_file() {
        eprintln!("npm pack {package}@{release}");
        fs::create_dir_all(&folder)?;
        let mut pack = Command::new("npm");
        pack.args(["pack", "--silent", "--pack-destination"])
            .arg(&folder)
            .arg(format!("{package}@{release}"));
        run(&mut pack)?;
    }
    Ok(archive)
}

fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    run(Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let program = command.get_program().display().to_string();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program}: {}\n{said}", output.status).into());
    }
    Ok(())
}

fn only_match(folder: &Path, path: &str) -> Result<PathBuf> {
    let Some((begin, end)) = path.split_once('*') else {
        return Ok(folder.join(path));
    };
    let (inner, begin) = begin.rsplit_once('/').unwrap_or(("", begin));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join(inner))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(begin) && name.ends_with(end) {
            found.push(entry.path());
        }
    }
    match &found[..] {
        [one] => Ok(one.clone()),
        _ => Err(format!("{path}: {} files, not one", found.len()).into()),
    }
}

/// Where rustup has put the documentation.
fn documentation() -> Option<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let root = String::from_utf8(output.stdout).ok()?;
    let folder = Path::new(root.trim()).join("share/doc/rust/html");
    folder.is_dir().then_some(folder)
}

fn pages(folder: &Path) -> Result<Vec<Asset>> {
    let file = |path: &str| -> Result<File> {
        Ok(File {
            path: format!("/rust/{path}"),
            bytes: fs::read(folder.join(path))?,
        })
    };
    let mut all = Vec::new();
    for path in PAGES {
        all.push(Asset {
            name: format!("Rust documentation: `{path}`"),
            files: vec![file(path)?],
            former: None,
        });
    }
    let mut files = Vec::new();
    for inner in FOLDERS {
        let mut paths = Vec::new();
        find_pages(&folder.join(inner), &mut paths)?;
        paths.sort();
        for path in paths {
            files.push(file(&path.strip_prefix(folder)?.to_string_lossy())?);
        }
    }
    let folders: Vec<String> = FOLDERS.iter().map(|inner| format!("`{inner}`")).collect();
    all.push(Asset {
        name: format!(
            "Rust documentation: {} pages in {}",
            files.len(),
            folders.join(", ")
        ),
        files,
        former: None,
    });
    Ok(all)
}

fn find_pages(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_pages(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "html") {
            found.push(path);
        }
    }
    Ok(())
}
