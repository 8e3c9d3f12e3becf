//! Pure: the table of one proxy: which columns stand in it, and how their values are written.

use std::fmt::Write as _;

use super::{View, escape};
use crate::control::stats::columns as c;
use crate::control::stats::rows::{Kind, Row};
use crate::control::stats::value::Value;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    /// In KiB, MiB, …
    Bytes,
    /// Seconds as a duration.
    Seconds,
    /// The state, which has a colour.
    State,
    /// The last check: its status, how long it took, and what it found.
    Check,
    /// The agent's last word.
    Agent,
    /// Percent.
    Percent,
}

impl Style {
    const fn is_text(self) -> bool {
        matches!(self, Self::State | Self::Check | Self::Agent)
    }
}

/// A column: its header, what a card calls it, and what it shows.
struct Column(&'static str, &'static str, usize, Style);

/// Columns that stand together.
struct Group(&'static str, &'static [Column]);

const GROUPS: [Group; 9] = [
    Group(
        "State",
        &[
            Column("Status", "Status", c::STATUS, Style::State),
            Column("Since", "Since", c::LASTCHG, Style::Seconds),
            Column("Check", "Check", c::CHECK_STATUS, Style::Check),
            Column("Agent", "Agent", c::AGENT_STATUS, Style::Agent),
            Column("Weight", "Weight", c::WEIGHT, Style::Plain),
            Column("Throttle", "Throttle", c::THROTTLE, Style::Percent),
            Column("Active", "Active", c::ACT, Style::Plain),
            Column("Backup", "Backup", c::BCK, Style::Plain),
        ],
    ),
    Group(
        "Sessions",
        &[
            Column("Now", "Sessions", c::SCUR, Style::Plain),
            Column("Max", "Sessions max", c::SMAX, Style::Plain),
            Column("Limit", "Session limit", c::SLIM, Style::Plain),
            Column("Total", "Sessions total", c::STOT, Style::Plain),
            Column("Chosen", "Chosen", c::LBTOT, Style::Plain),
            Column("Last", "Last session", c::LASTSESS, Style::Seconds),
        ],
    ),
    Group(
        "Rate",
        &[
            Column("Now", "Rate /s", c::RATE, Style::Plain),
            Column("Max", "Rate max", c::RATE_MAX, Style::Plain),
            Column("Limit", "Rate limit", c::RATE_LIM, Style::Plain),
        ],
    ),
    Group(
        "Queue",
        &[
            Column("Now", "Queue", c::QCUR, Style::Plain),
            Column("Max", "Queue max", c::QMAX, Style::Plain),
            Column("Limit", "Queue limit", c::QLIMIT, Style::Plain),
        ],
    ),
    Group(
        "Bytes",
        &[
            Column("In", "Bytes in", c::BIN, Style::Bytes),
            Column("Out", "Bytes out", c::BOUT, Style::Bytes),
        ],
    ),
    Group(
        "Denied",
        &[
            Column("Req", "Denied requests", c::DREQ, Style::Plain),
            Column("Resp", "Denied responses", c::DRESP, Style::Plain),
        ],
    ),
    Group(
        "Errors",
        &[
            Column("Req", "Request errors", c::EREQ, Style::Plain),
            Column("Conn", "Connection errors", c::ECON, Style::Plain),
            Column("Resp", "Response errors", c::ERESP, Style::Plain),
        ],
    ),
    Group(
        "Warnings",
        &[
            Column("Retries", "Retries", c::WRETR, Style::Plain),
            Column("Redisp", "Redispatches", c::WREDIS, Style::Plain),
        ],
    ),
    Group(
        "Failures",
        &[
            Column("Checks", "Failed checks", c::CHKFAIL, Style::Plain),
            Column("Downs", "Times down", c::CHKDOWN, Style::Plain),
            Column("Downtime", "Downtime", c::DOWNTIME, Style::Seconds),
        ],
    ),
];

/// The rows of the proxy called `name`, with boxes to choose servers by where `acts`.
pub(super) fn table(html: &mut String, view: &View<'_>, rows: &[Row], name: &str, acts: bool) {
    // A column that no row of the proxy has anything in only takes room.
    let shown = |column: &&Column| rows.iter().any(|row| value(row, column.2).is_some());
    let _ = write!(html, "<div class=\"wide\"><table aria-label=\"{name}\"><thead><tr><td></td>");
    for Group(title, columns) in &GROUPS {
        let count = columns.iter().filter(shown).count();
        if count > 0 {
            let _ = write!(html, "<th colspan=\"{count}\" scope=\"colgroup\">{title}</th>");
        }
    }
    html.push_str("</tr><tr><th scope=\"col\" class=\"text\">Name</th>");
    let columns: Vec<&Column> = GROUPS.iter().flat_map(|group| group.1.iter()).collect();
    let columns: Vec<&Column> = columns.into_iter().filter(shown).collect();
    for Column(title, _, _, style) in &columns {
        let class = if style.is_text() { " class=\"text\"" } else { "" };
        let _ = write!(html, "<th scope=\"col\"{class}>{title}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for it in rows {
        row(html, view, it, &columns, (name, acts));
    }
    html.push_str("</tbody></table></div>\n");
}

fn row(
    html: &mut String,
    view: &View<'_>,
    row: &Row,
    columns: &[&Column],
    (proxy, acts): (&str, bool),
) {
    let _ = write!(html, "<tr class=\"{}\"><th scope=\"row\" class=\"{}\"", kind(row), colour(row));
    if view.page.legends {
        let legend = [c::ADDR, c::ALGO].map(|column| text(row, column)).concat();
        if !legend.is_empty() {
            let _ = write!(html, " title=\"{}\"", escape(&legend));
        }
    }
    html.push('>');
    let name = match row.kind {
        Kind::Frontend => "Frontend".to_owned(),
        Kind::Backend => "Backend".to_owned(),
        Kind::Server | Kind::Listener => escape(&text(row, c::SVNAME)),
    };
    let _ = write!(html, "<a name=\"{proxy}/{name}\"></a>");
    if acts && row.kind == Kind::Server {
        let _ = write!(
            html,
            "<label><input type=\"checkbox\" name=\"s\" value=\"{name}\">{name}</label>"
        );
    } else {
        html.push_str(&name);
    }
    html.push_str("</th>");
    for column in columns {
        cell(html, row, column);
    }
    html.push_str("</tr>\n");
}

fn cell(html: &mut String, row: &Row, &Column(_, label, column, style): &Column) {
    let Some(value) = value(row, column) else { return html.push_str("<td></td>") };
    let class = match style {
        Style::State => &format!(" class=\"text state {}\"", colour(row)),
        Style::Check | Style::Agent => " class=\"text\"",
        // Where there is little room, what never happened is not told.
        Style::Plain | Style::Bytes if is_rare(column) && value.to_string() == "0" => {
            " class=\"zero\""
        }
        _ => "",
    };
    let (shown, more) = write(row, value, style);
    let _ = write!(html, "<td data-l=\"{label}\"{class}");
    if !more.is_empty() {
        let _ = write!(html, " title=\"{}\"", escape(&more));
    }
    let _ = write!(html, ">{}</td>", escape(&shown));
}

/// Whether a figure is mostly 0, and then of no interest.
const fn is_rare(column: usize) -> bool {
    !matches!(column, c::SCUR | c::STOT | c::WEIGHT | c::ACT | c::BCK | c::BIN | c::BOUT)
}

/// What is shown, and what the pointer tells.
fn write(row: &Row, value: &Value, style: Style) -> (String, String) {
    match (style, value) {
        (Style::Bytes, Value::U64(count)) if *count >= 10_000 => {
            (bytes(*count), format!("{count} bytes"))
        }
        (Style::Seconds, Value::U32(seconds)) => (duration(u64::from(*seconds)), String::new()),
        (Style::Seconds, Value::S32(seconds)) => match u64::try_from(*seconds) {
            Ok(seconds) => (duration(seconds), String::new()),
            Err(_) => ("–".to_owned(), String::new()),
        },
        (Style::Check, _) => check(
            row,
            [c::CHECK_STATUS, c::CHECK_CODE, c::CHECK_DURATION, c::CHECK_DESC, c::LAST_CHK],
        ),
        (Style::Agent, _) => check(
            row,
            [c::AGENT_STATUS, c::AGENT_CODE, c::AGENT_DURATION, c::AGENT_DESC, c::LAST_AGT],
        ),
        (Style::Percent, value) => (format!("{value} %"), String::new()),
        (_, value) => (value.to_string(), String::new()),
    }
}

/// `L7OK/200 in 3 ms`, and what it means.
fn check(row: &Row, [status, code, duration, description, info]: [usize; 5]) -> (String, String) {
    let mut shown = text(row, status);
    let code = text(row, code);
    if !code.is_empty() {
        let _ = write!(shown, "/{code}");
    }
    let duration = text(row, duration);
    if !duration.is_empty() {
        let _ = write!(shown, " in {duration} ms");
    }
    let more = [text(row, description), text(row, info)];
    let more: Vec<_> = more.into_iter().filter(|text| !text.is_empty()).collect();
    (shown, more.join(": "))
}

fn value(row: &Row, column: usize) -> Option<&Value> {
    row.cells()[column].as_ref().map(|cell| &cell.value)
}

/// The value in `column` as text; empty where there is none.
pub(super) fn text(row: &Row, column: usize) -> String {
    value(row, column).map(Value::to_string).unwrap_or_default()
}

/// The colour's name.
fn colour(row: &Row) -> &'static str {
    let status = text(row, c::STATUS);
    match status.split([' ', '(']).next().unwrap_or_default() {
        "OPEN" | "UP" | "" => "up",
        "DOWN" | "STOP" => "down",
        "MAINT" | "PAUSED" | "FULL" | "WAITING" => "maint",
        "DRAIN" | "NOLB" => "drain",
        _ => "none",
    }
}

/// HAProxy's class of a row.
fn kind(row: &Row) -> String {
    let state = match row.kind {
        Kind::Frontend => return "frontend".to_owned(),
        Kind::Backend => return "backend".to_owned(),
        Kind::Listener => return "socket".to_owned(),
        Kind::Server => match &*text(row, c::STATUS) {
            status if status.starts_with("MAINT") => return "maintain".to_owned(),
            "UP" => "up",
            "DOWN" => "down",
            "no check" => "no_check",
            status if status.starts_with("UP") => "going_down",
            // It passes again, but not often enough yet.
            status if status.starts_with("DOWN ") && status.contains('/') => "going_up",
            status if status.starts_with("DOWN") => "down",
            _ => "draining",
        },
    };
    let side = if text(row, c::BCK) == "1" { "backup" } else { "active" };
    format!("{side}_{state}")
}

/// `1.5 MiB`
pub(super) fn bytes(count: u64) -> String {
    let mut scaled = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if scaled < 1024.0 {
            let digits = usize::from(unit != "B" && scaled < 100.0);
            return format!("{scaled:.digits$} {unit}");
        }
        scaled /= 1024.0;
    }
    format!("{scaled:.1} PiB")
}

/// The two largest units: `3d4h`, `5m06s`.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        86_400.. => format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24),
        3600.. => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        60.. => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{seconds}s"),
    }
}
