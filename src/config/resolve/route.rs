//! The routes of a site.
//!
//! 1. The path pattern, of which no two may be the same.
//! 2. What the route does: one thing at most.
//! 3. The keys that go with it.
//! 4. Redirects that would come back to the same route.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};

use super::{Judge, methods, redirect, span};
use crate::{
    config::{
        Health, RouteAction, RouteConfig,
        error::{Problem, quoted},
        file::{Number, Route, Text},
    },
    routing::PathPattern,
    static_files::Settings,
};

impl Judge<'_> {
    /// The routes of a site with these settings; `of_site`: the same with the docroot of its own, if it has one.
    pub(super) fn routes(
        &mut self,
        written: &[Route],
        settings: &Settings,
        of_site: Option<&Settings>,
    ) -> Vec<RouteConfig> {
        let mut seen = Vec::new();
        let mut routes: Vec<(RouteConfig, &Route)> = Vec::new();
        for route in written {
            let methods = self.methods(route.methods.as_ref());
            let pattern = self.pattern(&route.path, &methods, &mut seen);
            let action = self.action(route, pattern.as_ref(), settings, of_site);
            let cache_control = self.cache_control(route.cache_control.as_ref());
            let headers = self.fields(&route.headers);
            let log_sample = self.log_sample(route.log_sample.as_ref());
            if let (Some(pattern), Some(action)) = (pattern, action) {
                let strip_prefix = self.strip_prefix(route, &pattern);
                let resolved = RouteConfig {
                    pattern,
                    methods,
                    action,
                    strip_prefix,
                    cache_control,
                    headers,
                    log_sample,
                };
                routes.push((resolved, route));
            }
        }
        self.no_redirect_onto_itself(&routes);
        routes.into_iter().map(|(resolved, _)| resolved).collect()
    }

    fn pattern(
        &mut self,
        written: &Text,
        methods: &[Method],
        seen: &mut Vec<(PathPattern, Vec<Method>, Range<usize>)>,
    ) -> Option<PathPattern> {
        let text = written.get_ref();
        let parsed = text.parse::<PathPattern>().map_err(|error| {
            Problem::new(format!("{} is not a path pattern: {error}", quoted(text)))
        });
        let pattern = self.located(written, parsed)?;
        let same = seen
            .iter()
            .find(|(other, of_other, _)| *other == pattern && methods::overlap(of_other, methods));
        if let Some((_, of_other, first)) = same {
            let help = if of_other.is_empty() && methods.is_empty() {
                "join the two, or make one of them more exact"
            } else {
                "join the two, or give both `methods`, none of which is in the other; `HEAD` goes with `GET`"
            };
            let problem = Problem::new(format!("the path `{text}` has a route already"))
                .first(first.clone())
                .help(help);
            self.wrong(written, problem);
        }
        seen.push((pattern.clone(), methods.to_vec(), written.span()));
        Some(pattern)
    }

    fn action(
        &mut self,
        route: &Route,
        pattern: Option<&PathPattern>,
        settings: &Settings,
        of_site: Option<&Settings>,
    ) -> Option<RouteAction> {
        let given = [
            ("upstream", &route.upstream),
            ("docroot", &route.docroot),
            ("redirect", &route.redirect),
            ("respond", &route.respond),
            ("health", &route.health),
        ];
        let mut given = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_ref()?)))
            // Files come first, and then the upstream: that is one thing.
            .filter(|(key, _)| *key != "docroot" || route.upstream.is_none());
        let (first, second) = (given.next(), given.next());
        if let (Some((one, _)), Some((other, value))) = (first, second) {
            let problem = Problem::new(format!(
                "a route does one thing: it has `{one}` and `{other}`"
            ));
            self.wrong(
                value,
                problem.help("remove one of the two, or make a route of each"),
            );
            return None;
        }
        self.orphans_of_action(route);
        let settings = &self.compressed_by(route, settings);
        match first {
            Some(("upstream", name)) => {
                let upstream = self.named_upstream(name);
                let proxy = self.proxy(route, pattern, settings, upstream);
                Some(RouteAction::Upstream(Box::new(proxy)))
            }
            Some(("docroot", docroot)) => Some(RouteAction::Files(Settings {
                docroot: self.docroot(docroot)?,
                fallback: None,
                ..settings.clone()
            })),
            Some(("redirect", target)) => Some(RouteAction::Redirect {
                to: self
                    .located(target, redirect::judge_target(target.get_ref()))
                    .map(|()| target.get_ref().clone())?,
                status: self.redirect_status(route.status.as_ref()),
            }),
            Some(("health", written)) => self
                .word(Some(written), "health check", &Health::NAMES)
                .map(RouteAction::Health),
            Some((_, body)) => Some(self.respond(route, body)),
            None => self.site_action(route, settings, of_site),
        }
    }

    /// What is no other action: files of the site, perhaps sent in another way.
    fn site_action(
        &mut self,
        route: &Route,
        settings: &Settings,
        of_site: Option<&Settings>,
    ) -> Option<RouteAction> {
        match of_site {
            Some(of_site) if route.compress.is_some() || route.dictionary.is_some() => {
                Some(RouteAction::Files(Settings {
                    docroot: of_site.docroot.clone(),
                    ..settings.clone()
                }))
            }
            Some(_) => Some(RouteAction::Site),
            None => {
                let problem = Problem::new(
                    "this route has nothing to serve: neither it nor its site has a docroot",
                );
                self.wrong(&route.path, problem.help("add `docroot`, `upstream`, `redirect`, `respond` or `health` to the route, or `docroot` to the site"));
                None
            }
        }
    }

    fn compressed_by(&mut self, route: &Route, settings: &Settings) -> Settings {
        self.compressed(
            settings.clone(),
            route.compress.as_ref(),
            route.dictionary.as_ref(),
        )
    }

    /// Keys that mean nothing without another key.
    fn orphans_of_action(&mut self, route: &Route) {
        if route.upstream.is_none() {
            self.orphans_of_upstream(route);
        }
        let has_files = route.docroot.is_some() || route.accel_root.is_some();
        if let Some(cache_control) = route.cache_control.as_ref()
            && route.upstream.is_some()
            && !has_files
        {
            let problem = Problem::new(
                "`cache_control` is for files, and this route has none: the application says it of its answers",
            );
            self.wrong(
                cache_control,
                problem.help("remove it, or add `docroot` or `accel_root`"),
            );
        }
        let answers = route.redirect.is_some() || route.respond.is_some();
        if let Some(compress) = route.compress.as_ref().filter(|_| answers) {
            let problem = Problem::new(
                "`compress` goes with files or an upstream, and this route has neither",
            );
            self.wrong(compress, problem.help("remove it"));
        }
        if route.health.is_some() {
            self.orphans_of_health(route);
        }
        let has_no_files = answers || route.upstream.is_some() && !has_files;
        if let Some(dictionary) = route.dictionary.as_ref().filter(|_| has_no_files) {
            let problem = Problem::new("`dictionary` is for files, and this route has none");
            self.wrong(dictionary, problem.help("remove it"));
        }
        if let Some(status) = route.status.as_ref().filter(|_| !answers) {
            let problem = Problem::new(
                "`status` goes with `redirect` or `respond`, and this route has neither",
            );
            self.wrong(status, problem.help("add one of them, or remove `status`"));
        }
        if let Some(media_type) = route
            .media_type
            .as_ref()
            .filter(|_| route.respond.is_none())
        {
            let problem = Problem::new("`media_type` goes with `respond`, and this route has none");
            self.wrong(media_type, problem.help("for files, write `Content-Type` in [site.route.headers], or [site.media_types]"));
        }
    }

    /// What is said of files means nothing for an answer that is made anew each time.
    fn orphans_of_health(&mut self, route: &Route) {
        let keys = [
            ("cache_control", span(route.cache_control.as_ref())),
            ("compress", span(route.compress.as_ref())),
            ("dictionary", span(route.dictionary.as_ref())),
        ];
        self.orphans_of_another(keys, "does not go with `health`", "remove it");
    }

    fn strip_prefix(&mut self, route: &Route, pattern: &PathPattern) -> bool {
        if route.strip_prefix != Some(true) {
            return false;
        }
        let is_answered =
            route.redirect.is_some() || route.respond.is_some() || route.health.is_some();
        if is_answered || !matches!(pattern, PathPattern::Prefix(_)) {
            let problem = Problem::new(
                "`strip_prefix` goes with files or an upstream beneath a prefix, and this route has none",
            );
            self.wrong(
                &route.path,
                problem
                    .help("write the path as a prefix such as `/docs/`, or remove `strip_prefix`"),
            );
        }
        true
    }

    fn redirect_status(&mut self, written: Option<&Number>) -> StatusCode {
        match written.map(|number| (number, *number.get_ref())) {
            None | Some((_, 302)) => StatusCode::FOUND,
            Some((_, 301)) => StatusCode::MOVED_PERMANENTLY,
            Some((_, 303)) => StatusCode::SEE_OTHER,
            Some((_, 307)) => StatusCode::TEMPORARY_REDIRECT,
            Some((_, 308)) => StatusCode::PERMANENT_REDIRECT,
            Some((written, number)) => {
                let problem = Problem::new(format!("{number} is not the status of a redirect"));
                self.wrong(
                    written,
                    problem.help("write 301 or 308 (for good), 302 or 307 (for now), or 303"),
                );
                StatusCode::FOUND
            }
        }
    }

    fn respond(&mut self, route: &Route, body: &Text) -> RouteAction {
        let status = route
            .status
            .as_ref()
            .map_or(StatusCode::OK, |written| self.response_status(written));
        if status == StatusCode::NO_CONTENT && !body.get_ref().is_empty() {
            self.wrong(
                body,
                Problem::new("a response with status 204 has no body")
                    .help("write `respond = \"\"`, or another status"),
            );
        }
        RouteAction::Respond {
            status,
            body: Bytes::copy_from_slice(body.get_ref().as_bytes()),
            media_type: (route.media_type.as_ref())
                .and_then(|text| self.media_type(text))
                .unwrap_or(HeaderValue::from_static("text/plain; charset=utf-8")),
        }
    }

    /// A status that stands by itself: not one that goes with a `Location`, a range or a precondition.
    fn response_status(&mut self, written: &Number) -> StatusCode {
        let number = *written.get_ref();
        let status = u16::try_from(number)
            .ok()
            .and_then(|number| StatusCode::from_u16(number).ok());
        let fits = |status: &StatusCode| {
            let class = status.as_u16() / 100;
            matches!(class, 2 | 4 | 5) && !matches!(status.as_u16(), 205 | 206 | 416)
        };
        status.filter(fits).unwrap_or_else(|| {
            let problem = Problem::new(format!("{number} is not the status of a fixed response"));
            self.wrong(written, problem.help("write a status such as 200, 204, 403, 404, 410 or 503; for 3xx there is `redirect`"));
            StatusCode::OK
        })
    }

    /// A cheap look: the route that a sample of the redirect's own target would meet is the redirect itself.
    fn no_redirect_onto_itself(&mut self, routes: &[(RouteConfig, &Route)]) {
        let patterns = || routes.iter().map(|(resolved, _)| &resolved.pattern);
        for (resolved, written) in routes {
            let Some(target) = &written.redirect else {
                continue;
            };
            // They come back with GET, unless they are to keep their method.
            let keeps = (written.status.as_ref())
                .is_some_and(|status| matches!(status.get_ref(), 307 | 308));
            if !keeps && !methods::overlap(&resolved.methods, &[Method::GET]) {
                continue;
            }
            let own = &resolved.pattern;
            let Some(path) = redirect::sample(target.get_ref(), own) else {
                continue;
            };
            if patterns().filter(|other| other.matches(&path)).min() == Some(own) {
                let problem = Problem::new(format!(
                    "this redirect leads back to its own route: `{path}` is matched by `{own}`"
                ));
                let help = "make `path` more exact (`=/old`), or send the client elsewhere";
                self.wrong(target, problem.help(help));
            }
        }
    }
}
