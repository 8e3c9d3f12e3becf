//! What an entry can hold; names and order are HAProxy's.

/// A datum of an entry, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is documented under its name by HAProxy")]
pub enum DataType {
    ServerId,
    Gpt0,
    Gpc0,
    Gpc0Rate,
    ConnCnt,
    ConnRate,
    ConnCur,
    SessCnt,
    SessRate,
    HttpReqCnt,
    HttpReqRate,
    HttpErrCnt,
    HttpErrRate,
    BytesInCnt,
    BytesInRate,
    BytesOutCnt,
    BytesOutRate,
    Gpc1,
    Gpc1Rate,
    ServerKey,
    HttpFailCnt,
    HttpFailRate,
    Gpt,
    Gpc,
    GpcRate,
    GlitchCnt,
    GlitchRate,
}

/// What a datum looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number.
    Count,
    /// Events in a period.
    Rate,
    /// Numbers; how many is said in the configuration.
    Counts,
    /// Rates with one period.
    Rates,
    /// A server's name or address.
    Name,
}

use DataType as D;
use Shape as S;

const ROWS: [(&str, D, S); 27] = [
    ("server_id", D::ServerId, S::Count),
    ("gpt0", D::Gpt0, S::Count),
    ("gpc0", D::Gpc0, S::Count),
    ("gpc0_rate", D::Gpc0Rate, S::Rate),
    ("conn_cnt", D::ConnCnt, S::Count),
    ("conn_rate", D::ConnRate, S::Rate),
    ("conn_cur", D::ConnCur, S::Count),
    ("sess_cnt", D::SessCnt, S::Count),
    ("sess_rate", D::SessRate, S::Rate),
    ("http_req_cnt", D::HttpReqCnt, S::Count),
    ("http_req_rate", D::HttpReqRate, S::Rate),
    ("http_err_cnt", D::HttpErrCnt, S::Count),
    ("http_err_rate", D::HttpErrRate, S::Rate),
    ("bytes_in_cnt", D::BytesInCnt, S::Count),
    ("bytes_in_rate", D::BytesInRate, S::Rate),
    ("bytes_out_cnt", D::BytesOutCnt, S::Count),
    ("bytes_out_rate", D::BytesOutRate, S::Rate),
    ("gpc1", D::Gpc1, S::Count),
    ("gpc1_rate", D::Gpc1Rate, S::Rate),
    ("server_key", D::ServerKey, S::Name),
    ("http_fail_cnt", D::HttpFailCnt, S::Count),
    ("http_fail_rate", D::HttpFailRate, S::Rate),
    ("gpt", D::Gpt, S::Counts),
    ("gpc", D::Gpc, S::Counts),
    ("gpc_rate", D::GpcRate, S::Rates),
    ("glitch_cnt", D::GlitchCnt, S::Count),
    ("glitch_rate", D::GlitchRate, S::Rate),
];

impl DataType {
    /// The datum of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ROWS[self as usize].0
    }

    /// What it looks like.
    #[must_use]
    pub const fn shape(self) -> Shape {
        ROWS[self as usize].2
    }

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|row| row.0)
    }

    /// Those that cannot be stored beside it.
    #[must_use]
    pub const fn excludes(self) -> &'static [Self] {
        match self {
            Self::Gpc0 | Self::Gpc1 => &[Self::Gpc],
            Self::Gpc0Rate | Self::Gpc1Rate => &[Self::GpcRate],
            Self::Gpt0 => &[Self::Gpt],
            Self::Gpc => &[Self::Gpc0, Self::Gpc1],
            Self::GpcRate => &[Self::Gpc0Rate, Self::Gpc1Rate],
            Self::Gpt => &[Self::Gpt0],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_type() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.1 as usize, index, "{}", row.0);
            assert_eq!(DataType::from_name(row.1.name()), Some(row.1));
        }
    }

    #[test]
    fn exclusion_is_mutual() {
        for (_, data, _) in ROWS {
            for other in data.excludes() {
                assert!(other.excludes().contains(&data), "{data:?} {other:?}");
            }
        }
    }
}
