//! Counters of stick tables as samples: `sc0_conn_rate`, `src_conn_cur(t)`, `table_cnt(t)`.

use super::stage::Class;
use super::value::Kind;

/// A counter, and the entry it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Whose entry.
    pub subject: Subject,
    /// Which of its values.
    pub data: Data,
    /// The place in an array of counters (`gpc`, `gpt`).
    pub index: u32,
    /// The table; `None`: the tracked one, or the proxy's own.
    pub table: Option<String>,
}

/// Whose entry is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The one that `track-scN` tracks, by its number.
    Counter(u8),
    /// The client's address.
    Source,
    /// The table as a whole.
    Table,
}

macro_rules! data {
    ($( $name:literal $data:ident $indexed:literal $subjects:literal, )*) => {
        /// What an entry can be asked, or told; the names are HAProxy's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is documented under its name by HAProxy")]
        pub enum Data { $( $data, )* }

        /// Name, datum, whether a place in an array comes first, and whom it can be asked of:
        /// `c`ounters, the `s`ource, a `t`able.
        const DATA: &[(&str, Data, bool, &str)] =
            &[ $( ($name, Data::$data, $indexed, $subjects), )* ];
    };
}

data! {
    "bytes_in_rate" BytesInRate false "cs",
    "bytes_out_rate" BytesOutRate false "cs",
    "clr_gpc" ClrGpc true "cs",
    "clr_gpc0" ClrGpc0 false "cs",
    "clr_gpc1" ClrGpc1 false "cs",
    "conn_cnt" ConnCnt false "cs",
    "conn_cur" ConnCur false "cs",
    "conn_rate" ConnRate false "cs",
    "get_gpc" GetGpc true "cs",
    "get_gpc0" GetGpc0 false "cs",
    "get_gpc1" GetGpc1 false "cs",
    "get_gpt" GetGpt true "cs",
    "get_gpt0" GetGpt0 false "cs",
    "gpc_rate" GpcRate true "cs",
    "gpc0_rate" Gpc0Rate false "cs",
    "gpc1_rate" Gpc1Rate false "cs",
    "http_err_cnt" HttpErrCnt false "cs",
    "http_err_rate" HttpErrRate false "cs",
    "http_fail_cnt" HttpFailCnt false "cs",
    "http_fail_rate" HttpFailRate false "cs",
    "http_req_cnt" HttpReqCnt false "cs",
    "http_req_rate" HttpReqRate false "cs",
    "glitch_cnt" GlitchCnt false "cs",
    "glitch_rate" GlitchRate false "cs",
    "inc_gpc" IncGpc true "cs",
    "inc_gpc0" IncGpc0 false "cs",
    "inc_gpc1" IncGpc1 false "cs",
    "kbytes_in" KbytesIn false "cs",
    "kbytes_out" KbytesOut false "cs",
    "server_id" ServerId false "",
    "sess_cnt" SessCnt false "cs",
    "sess_rate" SessRate false "cs",
    "tracked" Tracked false "c",
    "trackers" Trackers false "c",
    "key" Key false "c",
    "updt_conn_cnt" UpdtConnCnt false "s",
    "cnt" Cnt false "t",
    "avl" Avl false "t",
}

/// Numbers that `track-sc` may have: the most that builds of HAProxy 2.6 allow.
pub const COUNTERS_MAX: i64 = 12;

impl Tracked {
    /// What `name` with `args` asks for; `None` where it is no such name.
    pub(super) fn parse(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        let (subject, rest) = subject(name)?;
        let letter = match subject {
            None | Some(Subject::Counter(_)) => 'c',
            Some(Subject::Source) => 's',
            Some(Subject::Table) => 't',
        };
        let found = DATA.iter().find(|row| row.0 == rest && row.3.contains(letter));
        let &(_, data, indexed, _) = found?;
        Some(Self::with_args(subject, data, indexed, args))
    }

    /// `subject` is `None` where the counter's number is an argument (`sc_conn_cnt(0)`).
    fn with_args(
        subject: Option<Subject>,
        data: Data,
        indexed: bool,
        args: &[String],
    ) -> Result<Self, String> {
        let mut args = args.iter().map(|arg| arg.trim());
        let mut index = 0;
        if indexed {
            let text = args.next().ok_or("the place in the array of counters is missing")?;
            let place = text.parse().ok().filter(|&index: &u32| index < 100);
            index = place
                .ok_or_else(|| format!("'{text}' is no place in an array of counters (0 to 99)"))?;
        }
        Self::rest(subject, data, index, &mut args)
    }

    fn rest<'a>(
        subject: Option<Subject>,
        data: Data,
        index: u32,
        args: &mut impl Iterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let subject = match subject {
            Some(subject) => subject,
            None => {
                let text = args.next().unwrap_or_default();
                let number = text.parse().ok().filter(|number| (0..COUNTERS_MAX).contains(number));
                let number = number.ok_or_else(|| {
                    format!("'{text}' is no number of a tracked counter (0 to 11)")
                })?;
                Subject::Counter(u8::try_from(number).expect("it is below COUNTERS_MAX"))
            }
        };
        let table = args.next().filter(|table| !table.is_empty()).map(str::to_owned);
        if subject == Subject::Table && table.is_none() {
            return Err("the table's name is missing".to_owned());
        }
        match args.next() {
            Some(excess) => Err(format!("unexpected argument '{excess}'")),
            None => Ok(Self { subject, data, index, table }),
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self.data {
            Data::Tracked => Kind::Bool,
            Data::Key => Kind::Any,
            _ => Kind::Int,
        }
    }

    pub(super) const fn class(&self) -> Class {
        match self.subject {
            Subject::Table | Subject::Counter(_) => Class::Internal,
            Subject::Source => Class::Client,
        }
    }
}

impl Data {
    /// HAProxy's name, without what stands before it.
    #[must_use]
    pub fn name(self) -> &'static str {
        DATA.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }

    /// Whether asking for it changes the entry.
    #[must_use]
    pub const fn changes_entry(self) -> bool {
        matches!(
            self,
            Self::ClrGpc
                | Self::ClrGpc0
                | Self::ClrGpc1
                | Self::IncGpc
                | Self::IncGpc0
                | Self::IncGpc1
                | Self::UpdtConnCnt
        )
    }
}

/// Splits the subject off a name; the inner `None` is `sc_`, whose number is an argument.
fn subject(name: &str) -> Option<(Option<Subject>, &str)> {
    if let Some(rest) = name.strip_prefix("src_") {
        return Some((Some(Subject::Source), rest));
    }
    if let Some(rest) = name.strip_prefix("table_") {
        return Some((Some(Subject::Table), rest));
    }
    let (number, rest) = name.strip_prefix("sc")?.split_once('_')?;
    match number {
        "" => Some((None, rest)),
        "0" | "1" | "2" => Some((Some(Subject::Counter(number.as_bytes()[0] - b'0')), rest)),
        _ => None,
    }
}

/// All names that start with `src_`, `sc_`, `sc0_` and so on, for suggestions.
pub(super) fn names() -> impl Iterator<Item = String> {
    DATA.iter().flat_map(|row| {
        let prefixes: &[&str] = match row.3 {
            "t" => &["table_"],
            "s" => &["src_"],
            "c" => &["sc_", "sc0_", "sc1_", "sc2_"],
            _ => &["src_", "sc_", "sc0_", "sc1_", "sc2_"],
        };
        prefixes.iter().map(move |prefix| format!("{prefix}{}", row.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, args: &[&str]) -> Option<Result<Tracked, String>> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Tracked::parse(name, &args)
    }

    #[test]
    fn the_three_ways_to_name_a_counter_agree() {
        let by_name = parse("sc1_conn_rate", &["t"]).unwrap().unwrap();
        assert_eq!(by_name, parse("sc_conn_rate", &["1", "t"]).unwrap().unwrap());
        let indexed = parse("sc_get_gpc", &["3", "2"]).unwrap().unwrap();
        assert_eq!((indexed.index, indexed.subject), (3, Subject::Counter(2)));
    }

    #[test]
    fn what_is_not_a_counter_is_left_to_others() {
        for name in ["src", "src_port", "src_is_local", "sc9_conn_cnt", "scx_y", "table_conn_cnt"] {
            assert!(parse(name, &[]).is_none(), "{name}");
        }
        assert!(parse("table_cnt", &[]).unwrap().is_err());
    }
}
