//! A listing for people: one HTML page, no script, nothing loaded.

use std::fmt::{self, Display, Formatter, Write};

use super::text::{HumanSize, Segment, Thousands, Timestamp, Visible};
use super::{ListedEntry, Listing, Order, Sort, SortBy};

/// The style sheet, inline so that a listing is one answer. Its hash is in `CONTENT_SECURITY_POLICY`.
pub(super) const STYLE: &str = include_str!("listing.css");

/// A gate, as the page's icon. Without one a browser asks for `/favicon.ico`, which a folder of files seldom has.
const ICON: &str = "data:image/svg+xml,%3Csvg%20xmlns=%22http://www.w3.org/2000/svg%22%20viewBox=%220%200%2016%2016%22%3E\
    %3Cpath%20fill=%22%231f6f5c%22%20d=%22M0%202h16v3H0zM2%206h3v9H2zm9%200h3v9h-3z%22/%3E%3C/svg%3E";

impl Listing {
    /// The listing as an HTML document in UTF-8.
    pub(crate) fn to_html(&self, sort: Sort) -> String {
        let mut page = String::with_capacity(STYLE.len() + 2048 + self.entries.len() * 256);
        self.write_html(&mut page, sort)
            .expect("writing to a String cannot fail");
        page
    }

    fn write_html(&self, page: &mut String, sort: Sort) -> fmt::Result {
        let path = Visible(&self.path);
        write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Index of {path}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
             <link rel=\"icon\" href='{ICON}'>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>\n"
        )?;
        self.write_breadcrumbs(page)?;
        write!(
            page,
            "<h1>Index of <bdi>{path}</bdi></h1>\n<p class=\"count\">{}</p>\n",
            Count(&self.entries)
        )?;
        if self.truncated {
            let limit = Thousands(self.limit as u64);
            writeln!(
                page,
                "<p class=\"note\">This folder holds more than is shown: a listing ends at {limit} entries.</p>"
            )?;
        }
        page.push_str("</header>\n<main>\n<table>\n<thead>\n<tr>");
        for (column, label) in [
            (SortBy::Name, "Name"),
            (SortBy::Size, "Size"),
            (SortBy::Modified, "Modified (UTC)"),
        ] {
            write_column_header(page, column, label, sort)?;
        }
        page.push_str("</tr>\n</thead>\n<tbody>\n");
        if !self.at_root {
            page.push_str("<tr class=\"up\"><th scope=\"row\"><a href=\"../\">Parent folder</a></th><td></td><td></td></tr>\n");
        }
        for entry in self.sorted(sort) {
            write_row(page, entry)?;
        }
        page.push_str("</tbody>\n</table>\n");
        if self.entries.is_empty() {
            page.push_str("<p class=\"empty\">This folder is empty.</p>\n");
        }
        page.push_str("</main>\n</body>\n</html>\n");
        Ok(())
    }

    /// One link a segment, relative throughout: right wherever the service is mounted.
    fn write_breadcrumbs(&self, page: &mut String) -> fmt::Result {
        let segments: Vec<&str> = self
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        page.push_str("<nav aria-label=\"Breadcrumbs\">\n<ol>\n");
        for depth in 0..=segments.len() {
            let name = if depth == 0 {
                "root"
            } else {
                segments[depth - 1]
            };
            let up = segments.len() - depth;
            if up == 0 {
                writeln!(
                    page,
                    "<li><a href=\"./\" aria-current=\"page\"><bdi>{}</bdi></a></li>",
                    Visible(name)
                )?;
            } else {
                writeln!(
                    page,
                    "<li><a href=\"{}\"><bdi>{}</bdi></a></li>",
                    "../".repeat(up),
                    Visible(name)
                )?;
            }
        }
        page.push_str("</ol>\n</nav>\n");
        Ok(())
    }
}

/// A header cell is a link that sorts by its column, or turns the order round when the column is the sorted one.
fn write_column_header(page: &mut String, column: SortBy, label: &str, sort: Sort) -> fmt::Result {
    let (state, order) = match (sort.by == column, sort.order, column) {
        (true, Order::Ascending, _) => (" aria-sort=\"ascending\"", sort.order.reversed()),
        (true, Order::Descending, _) => (" aria-sort=\"descending\"", sort.order.reversed()),
        // Who sorts by size or time looks for the largest or the latest.
        (false, _, SortBy::Name) => ("", Order::Ascending),
        (false, _, SortBy::Size | SortBy::Modified) => ("", Order::Descending),
    };
    let (by, order) = (column.as_str(), order.as_str());
    write!(
        page,
        "<th scope=\"col\"{state}><a href=\"?sort={by}&amp;order={order}\">{label}</a></th>"
    )
}

fn write_row(page: &mut String, entry: &ListedEntry) -> fmt::Result {
    let (class, slash) = if entry.is_directory {
        ("dir", "/")
    } else {
        ("file", "")
    };
    // "./" first: a name such as `javascript:x` or `//host` stays a name.
    write!(
        page,
        "<tr class=\"{class}\"><th scope=\"row\"><a href=\"./{}{slash}\"><bdi>{}</bdi>{slash}</a></th>",
        Segment(&entry.name),
        Visible(&entry.name),
    )?;
    if entry.is_directory {
        page.push_str("<td></td>");
    } else {
        let exact = Thousands(entry.size);
        let unit = if entry.size == 1 { "byte" } else { "bytes" };
        write!(
            page,
            "<td><data value=\"{}\" title=\"{exact} {unit}\">{}</data></td>",
            entry.size,
            HumanSize(entry.size)
        )?;
    }
    match entry.modified.and_then(Timestamp::new) {
        Some(time) => writeln!(
            page,
            "<td><time datetime=\"{}\">{} <span>{}</span></time></td></tr>",
            time.rfc3339(),
            time.date(),
            time.clock(),
        ),
        None => writeln!(page, "<td></td></tr>"),
    }
}

/// `2 folders, 13 files`.
struct Count<'a>(&'a [ListedEntry]);

impl Display for Count<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let folders = self.0.iter().filter(|entry| entry.is_directory).count();
        let files = self.0.len() - folders;
        let plural = |count| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{} folder{}, ",
            Thousands(folders as u64),
            plural(folders)
        )?;
        write!(f, "{} file{}", Thousands(files as u64), plural(files))
    }
}
