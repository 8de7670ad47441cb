//! Every asset of a server in some codings: the first answer, and the best one.

use std::time::{Duration, Instant};

use crate::Result;
use crate::assets::{Assets, File};
use crate::client::{Answer, Client};
use crate::decode::{self, Dictionary};
use crate::server::Running;

/// So often everything is asked for before it is waited for: more than it takes until a coding is worth the best effort.
const OFTEN: usize = 24;

/// Between two looks at what has become better.
const PAUSE: Duration = Duration::from_secs(1);

/// One file in one coding, as it was sent.
pub(crate) struct Sent<'a> {
    file: &'a File,
    coding: &'static str,
    /// Those beside `Accept-Encoding`.
    fields: Vec<(&'static str, String)>,
    dictionary: Option<Dictionary<'a>>,
    /// Which row of the table it belongs to.
    row: usize,
    first: usize,
    best: usize,
    entity_tag: Option<String>,
    is_coded: bool,
    is_better: bool,
}

/// What an asset weighs in a coding.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weight {
    pub(crate) first: usize,
    pub(crate) best: usize,
    /// Whether any of it came coded.
    pub(crate) is_coded: bool,
}

/// Everything that was asked of one server.
pub(crate) struct Codings<'a> {
    rows: usize,
    all: Vec<Sent<'a>>,
}

impl<'a> Codings<'a> {
    /// Each asset in each coding, once.
    pub(crate) fn ask(
        assets: &'a Assets,
        codings: &[&'static str],
        server: &Running,
    ) -> Result<Self> {
        let mut all = Vec::new();
        let mut client = server.client()?;
        for coding in codings {
            for (row, asset) in assets.all.iter().enumerate() {
                for file in &asset.files {
                    all.push(Sent::first(
                        &mut client,
                        row,
                        file,
                        coding,
                        Vec::new(),
                        None,
                    )?);
                }
            }
        }
        Ok(Self {
            rows: assets.all.len(),
            all,
        })
    }

    pub(crate) fn of(rows: usize, all: Vec<Sent<'a>>) -> Self {
        Self { rows, all }
    }

    /// Asks again until everything has been made better, or nothing more was for a while.
    pub(crate) fn wait_for_best(&mut self, server: &Running, patience: Duration) -> Result<()> {
        let mut client = server.client()?;
        for _ in 0..OFTEN {
            for sent in &mut self.all {
                sent.again(&mut client)?;
            }
        }
        let (mut last, mut before) = (Instant::now(), usize::MAX);
        loop {
            let waiting: Vec<_> = self.all.iter_mut().filter(|sent| !sent.is_done()).collect();
            if waiting.len() < before {
                (before, last) = (waiting.len(), Instant::now());
            }
            if waiting.is_empty() || last.elapsed() > patience {
                eprintln!(
                    "  {} of {} are as they first were",
                    waiting.len(),
                    self.all.len()
                );
                return Ok(());
            }
            eprintln!("  {} to be made better", waiting.len());
            for sent in waiting {
                sent.again(&mut client)?;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Row by row.
    pub(crate) fn weights(&self, coding: &str) -> Vec<Weight> {
        let mut weights = vec![Weight::default(); self.rows];
        for sent in self.all.iter().filter(|sent| sent.coding == coding) {
            let weight = &mut weights[sent.row];
            weight.first += sent.first;
            weight.best += sent.best;
            weight.is_coded |= sent.is_coded;
        }
        weights
    }
}

impl<'a> Sent<'a> {
    pub(crate) fn first(
        client: &mut Client,
        row: usize,
        file: &'a File,
        coding: &'static str,
        fields: Vec<(&'static str, String)>,
        dictionary: Option<Dictionary<'a>>,
    ) -> Result<Self> {
        let mut sent = Self {
            file,
            coding,
            fields,
            dictionary,
            row,
            first: 0,
            best: 0,
            entity_tag: None,
            is_coded: false,
            is_better: false,
        };
        let answer = sent.ask(client)?;
        sent.check(&answer)?;
        sent.first = answer.body.len();
        sent.best = sent.first;
        sent.is_coded = answer.field("content-encoding").is_some();
        sent.entity_tag = answer.field("etag").map(str::to_owned);
        Ok(sent)
    }

    /// What stays as it is cannot become better.
    fn is_done(&self) -> bool {
        self.is_better || !self.is_coded
    }

    fn again(&mut self, client: &mut Client) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        let answer = self.ask(client)?;
        let entity_tag = answer.field("etag").map(str::to_owned);
        if answer.body.len() != self.best || entity_tag != self.entity_tag {
            self.check(&answer)?;
            self.best = answer.body.len();
            self.is_better = true;
        }
        Ok(())
    }

    fn ask(&self, client: &mut Client) -> Result<Answer> {
        let mut fields = vec![("Accept-Encoding", self.coding)];
        fields.extend(
            self.fields
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        client.get(&self.file.path, &fields)
    }

    fn check(&self, answer: &Answer) -> Result<()> {
        let coding = answer.field("content-encoding");
        let what = format!("{} as {}", self.file.path, self.coding);
        if answer.status != 200 || coding.is_some_and(|coding| coding != self.coding) {
            return Err(format!("{what}: status {}, coding {coding:?}", answer.status).into());
        }
        let decoded = decode::decode(coding, &answer.body, self.dictionary.as_ref());
        let decoded = decoded.map_err(|error| format!("{what}: {error}"))?;
        if decoded != self.file.bytes {
            return Err(format!("{what}: something else than the file").into());
        }
        Ok(())
    }
}
