//! Who the process becomes, and what it may reach.

use toml::Spanned;

use super::Judge;
use crate::config::{
    Identity, SandboxPolicy, accounts,
    error::Problem,
    file::{Site, Text},
};

impl Judge<'_> {
    pub(super) fn identity(
        &mut self,
        user: Option<&Text>,
        group: Option<&Text>,
    ) -> Option<Identity> {
        let Some(user) = user else {
            let problem = Problem::new("`group` goes with a user");
            self.wrong(group?, problem.help("add `user = \"…\"`, or remove it"));
            return None;
        };
        let group = group.map(|text| self.located(text, accounts::group(text.get_ref())));
        let account = self.located(user, accounts::user(user.get_ref()))?;
        if account.uid == 0 {
            let problem = Problem::new("`user` is there to give up the rights of root");
            self.wrong(user, problem.help("name another user, or remove the key"));
        }
        let Some(gid) = group.flatten().or(account.gid) else {
            let problem = Problem::new(format!(
                "user {} has no entry that tells its group",
                account.uid
            ));
            self.wrong(user, problem.help("add `group = \"…\"`"));
            return None;
        };
        Some(Identity {
            name: account.name,
            uid: account.uid,
            gid,
        })
    }

    pub(super) fn sandbox(
        &mut self,
        written: Option<&Text>,
        sites: &[Spanned<Site>],
    ) -> SandboxPolicy {
        let policy = self.word(written, "setting of the sandbox", &SandboxPolicy::NAMES);
        let Some(policy) = policy else {
            return SandboxPolicy::default();
        };
        if policy != SandboxPolicy::Off {
            let follows = sites.iter().find_map(|site| {
                let symlinks = site.get_ref().symlinks.as_ref();
                symlinks.filter(|policy| policy.get_ref() == "follow")
            });
            if let Some(symlinks) = follows {
                let problem = Problem::new(
                    "links that lead anywhere do not go with `sandbox`, which holds everything beneath the docroots",
                );
                self.wrong(
                    symlinks,
                    problem.help("write `symlinks = \"within-root\"`, or `sandbox = \"off\"`"),
                );
            }
        }
        policy
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        written: Option<&Text>,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let written = written?;
        let found = words.iter().find(|(word, _)| word == written.get_ref());
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let known = found.map(|(_, value)| *value);
        self.located(
            written,
            known.ok_or_else(|| Problem::unknown_word(what, written.get_ref(), &names)),
        )
    }
}
