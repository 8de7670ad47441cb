//! A site: its hosts, its static files, its routes.

use std::{collections::HashMap, ops::Range};

use http::StatusCode;
use toml::Spanned;

use super::Judge;
use crate::{
    config::{
        RouteAction, RouteConfig, SiteConfig,
        error::{NOWHERE, Problem, quoted},
        file::{Site, Text},
        upstream::Dialect,
    },
    routing::{HostPattern, PathPattern},
    static_files::{DEFAULT_LISTING_LIMIT, Settings, SymlinkPolicy},
};

impl Judge<'_> {
    /// All sites; without one, the folder `public` beside the file.
    pub(super) fn sites(&mut self, written: Vec<Spanned<Site>>) -> Vec<SiteConfig> {
        if written.is_empty() {
            return self.site_by_default().into_iter().collect();
        }
        self.no_host_twice(&written);
        written.into_iter().map(|site| self.site(&site)).collect()
    }

    fn site_by_default(&mut self) -> Option<SiteConfig> {
        if !self.base.join("public").is_dir() {
            let help = format!(
                "add\n\n    [[site]]\n    docroot = \"…\"\n\n  or create the folder `{}`, which is served by default",
                self.base.join("public").display()
            );
            self.problems
                .push(Problem::new("there is nothing to serve: no [[site]]").help(help));
            return None;
        }
        let docroot = Some(Text::new(NOWHERE, "public".to_owned()));
        Some(self.site(&Spanned::new(
            NOWHERE,
            Site {
                docroot,
                ..Site::default()
            },
        )))
    }

    /// A host can lead to one site only.
    fn no_host_twice(&mut self, sites: &[Spanned<Site>]) {
        let mut seen: Vec<(HostPattern, Range<usize>)> = Vec::new();
        for site in sites {
            let hosts = &site.get_ref().hosts;
            if hosts.is_empty() {
                self.host_once(&mut seen, HostPattern::Any, site);
            }
            for host in hosts {
                // A host that cannot be read is told of with its site.
                let Ok(pattern) = host.get_ref().parse() else {
                    continue;
                };
                self.host_once(&mut seen, pattern, host);
            }
        }
    }

    fn host_once<W>(
        &mut self,
        seen: &mut Vec<(HostPattern, Range<usize>)>,
        pattern: HostPattern,
        written: &Spanned<W>,
    ) {
        let Some((_, first)) = seen.iter().find(|(other, _)| *other == pattern) else {
            seen.push((pattern, written.span()));
            return;
        };
        let problem = match pattern {
            HostPattern::Any => Problem::new("two sites answer to every host")
                .help("give this one hosts of its own: `hosts = [\"example.com\"]`"),
            _ => Problem::new(format!("the host `{pattern}` is named twice"))
                .help("a host can lead to one site only: remove one of the two"),
        };
        self.wrong(written, problem.first(first.clone()));
    }

    fn site(&mut self, written: &Spanned<Site>) -> SiteConfig {
        let site = written.get_ref();
        let settings = self.settings(site);
        let files = site.docroot.as_ref().map(|docroot| Settings {
            docroot: self.docroot(docroot).unwrap_or_default(),
            ..settings.clone()
        });
        if files.is_none() && site.route.is_empty() {
            let problem = Problem::new("this site has nothing to serve");
            self.wrong(
                written,
                problem.help("add `docroot = \"public\"`, or a [[site.route]]"),
            );
        }
        let error_pages = self.error_pages(site);
        if let Some(files) = &files {
            warn_of_missing(files, &error_pages);
        }
        let routes = self.routes(&site.route, &settings, files.as_ref());
        self.spa_is_reached(site, &routes);
        SiteConfig {
            hosts: site
                .hosts
                .iter()
                .filter_map(|host| self.host(host))
                .collect(),
            dialect: self
                .word(site.dialect.as_ref(), "dialect of paths", &Dialect::NAMES)
                .unwrap_or_default(),
            routes,
            cache_control: self.cache_control(site.cache_control.as_ref()),
            headers: self.site_fields(&site.headers),
            error_pages,
            cors: site.cors.as_ref().and_then(|origins| self.cors(origins)),
            hsts: self.hsts(site),
            https_redirect: self.https_redirect(site),
            files,
        }
    }

    /// A page for paths without a file, where those are forwarded.
    fn spa_is_reached(&mut self, site: &Site, routes: &[RouteConfig]) {
        let forwards_all = routes.iter().any(|route| {
            route.methods.is_empty()
                && matches!(&route.pattern, PathPattern::Prefix(prefix) if prefix == "/")
                && matches!(route.action, RouteAction::Upstream(_))
        });
        if let Some(spa) = site.spa.as_ref().filter(|_| forwards_all) {
            let problem = Problem::new(
                "`spa` answers paths without a file, and a route forwards all of them",
            );
            self.wrong(
                spa,
                problem.help("remove one of the two, or forward less: `path = \"/api/\"`"),
            );
        }
    }

    fn host(&mut self, written: &Text) -> Option<HostPattern> {
        let text = written.get_ref();
        let parsed = if text.contains('/') {
            Err(
                Problem::new(format!("`{text}` is not a host: it has a scheme or a path"))
                    .help("write the name alone, such as `example.com`"),
            )
        } else {
            text.parse()
                .map_err(|error| Problem::new(format!("{} is not a host: {error}", quoted(text))))
        };
        self.located(written, parsed)
    }

    /// The settings that the site's docroot and those of its routes share; the docroot is filled in later.
    fn settings(&mut self, site: &Site) -> Settings {
        let default = Settings::default();
        self.orphans(site);
        let settings = Settings {
            index: match &site.index {
                Some(names) => names.iter().filter_map(|name| self.index(name)).collect(),
                None => default.index,
            },
            clean_urls: site.clean_urls.unwrap_or(default.clean_urls),
            fallback: site
                .spa
                .as_ref()
                .and_then(|file| self.file_in_docroot(file)),
            listing: self.listing(site),
            hidden: site.hidden.unwrap_or(default.hidden),
            symlinks: site
                .symlinks
                .as_ref()
                .and_then(|word| self.symlinks(word))
                .unwrap_or_default(),
            sidecars: site.sidecars.unwrap_or(default.sidecars),
            compress: default.compress,
            dictionary: default.dictionary,
            media_types: site
                .media_types
                .0
                .iter()
                .filter_map(|(key, value)| self.media_type_entry(key, value))
                .collect::<HashMap<_, _>>(),
            docroot: default.docroot,
        };
        self.compressed(settings, site.compress.as_ref(), site.dictionary.as_ref())
    }

    /// Keys that mean nothing without a docroot of the site's own.
    fn orphans(&mut self, site: &Site) {
        if site.docroot.is_some() {
            return;
        }
        if let Some(spa) = &site.spa {
            self.wrong(
                spa,
                Problem::new("`spa` is a file in the docroot, and this site has none")
                    .help("add `docroot = \"…\"` to the site"),
            );
        }
        if let Some((_, page)) = site.error_pages.0.first() {
            let problem =
                Problem::new("error pages are files in the docroot, and this site has none");
            self.wrong(page, problem.help("add `docroot = \"…\"` to the site"));
        }
    }

    fn index(&mut self, written: &Text) -> Option<String> {
        let name = written.get_ref();
        if name.is_empty() || name.contains(['/', '\\', '\0']) || name == "." || name == ".." {
            let problem = Problem::new(format!("{} is not a file name", quoted(name)))
                .help("write a plain name, such as `index.html`");
            self.wrong(written, problem);
            return None;
        }
        Some(name.clone())
    }

    fn listing(&mut self, site: &Site) -> Option<usize> {
        let limit = site.listing_limit.as_ref();
        if site.listing == Some(true) {
            return Some(match limit {
                Some(limit) => self
                    .number(limit, "listing_limit", 1..=1_000_000)
                    .unwrap_or(DEFAULT_LISTING_LIMIT),
                None => DEFAULT_LISTING_LIMIT,
            });
        }
        if let Some(limit) = limit {
            let problem = Problem::new("`listing_limit` has no effect: directories are not listed");
            self.wrong(
                limit,
                problem.help("add `listing = true`, or remove the limit"),
            );
        }
        None
    }

    fn symlinks(&mut self, written: &Text) -> Option<SymlinkPolicy> {
        let word = written.get_ref();
        self.located(
            written,
            word.parse()
                .map_err(|_| Problem::unknown_word("symlink policy", word, &SymlinkPolicy::NAMES)),
        )
    }

    fn error_pages(&mut self, site: &Site) -> Vec<(StatusCode, String)> {
        let mut pages = Vec::new();
        for (key, page) in &site.error_pages.0 {
            let status = key.get_ref().parse::<StatusCode>().ok();
            let is_error =
                |status: &StatusCode| status.is_client_error() || status.is_server_error();
            let Some(status) = status.filter(is_error) else {
                let problem =
                    Problem::new(format!("{} is not an error status", quoted(key.get_ref())));
                self.wrong(
                    key,
                    problem.help("write a status from 400 to 599, such as `404`"),
                );
                continue;
            };
            pages.extend(self.file_in_docroot(page).map(|page| (status, page)));
        }
        pages
    }

    /// A path in the docroot, with or without a leading slash.
    fn file_in_docroot(&mut self, written: &Text) -> Option<String> {
        let path = written
            .get_ref()
            .strip_prefix('/')
            .unwrap_or(written.get_ref());
        if path.contains(['\\', '\0', '?', '#'])
            || path
                .split('/')
                .any(|segment| matches!(segment, "" | "." | ".."))
        {
            let problem = Problem::new(format!(
                "{} is not the path of a file in the docroot",
                quoted(written.get_ref())
            ));
            self.wrong(
                written,
                problem.help("write it relative to the docroot, such as `/errors/404.html`"),
            );
            return None;
        }
        Some(path.to_owned())
    }
}

/// Files that are named but not there may come later, so they are no error.
fn warn_of_missing(files: &Settings, error_pages: &[(StatusCode, String)]) {
    if !files.docroot.is_dir() {
        return; // an error is told of it
    }
    for (status, page) in error_pages {
        let path = files.docroot.join(page);
        if !path.is_file() {
            tracing::warn!(
                "the page for status {status}, `{}`, does not exist: a short text stands in for it",
                path.display()
            );
        }
    }
    if let Some(path) = files.fallback.as_ref().map(|file| files.docroot.join(file))
        && !path.is_file()
    {
        tracing::warn!(
            "the `spa` file `{}` does not exist: navigations are answered with 404",
            path.display()
        );
    }
}
