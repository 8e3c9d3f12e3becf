//! Pure: what the target of a request for the statistics page says behind the page's own URI:
//! `;csv`, `;up`, `?scope=web`, as in HAProxy.

/// How the statistics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Html,
    Csv,
    Typed,
    Json,
    Schema,
}

/// What is wanted of the statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) form: Form,
    /// No servers that are down.
    pub(super) only_up: bool,
    /// No servers in maintenance.
    pub(super) no_maint: bool,
    /// The browser does not ask again by itself.
    pub(super) no_refresh: bool,
    /// Proxies whose name has this in it.
    pub(super) scope: Option<String>,
    /// What became of an action.
    pub(super) state: Option<String>,
}

/// Longest text that proxies' names are searched for, as in HAProxy.
const SCOPE_CHARS_MAX: usize = 20;

impl Options {
    /// Reads what follows the page's URI.
    pub(super) fn read(text: &str) -> Self {
        let mut options = Self::default();
        for word in text.split([';', '?', '&']) {
            match word.split_once('=').unwrap_or((word, "")) {
                ("csv", _) => options.form = Form::Csv,
                ("typed", _) => options.form = Form::Typed,
                ("json", _) => options.form = Form::Json,
                ("json-schema", _) => options.form = Form::Schema,
                ("up", _) => options.only_up = true,
                ("no-maint", _) => options.no_maint = true,
                ("norefresh", _) => options.no_refresh = true,
                ("st", state) => options.state = Some(state.to_owned()),
                ("scope", scope) if !scope.is_empty() => {
                    options.scope = Some(decode(scope).chars().take(SCOPE_CHARS_MAX).collect());
                }
                _ => {}
            }
        }
        options
    }

    /// The text that is read as these, without form and state: what links keep.
    pub(super) fn kept(&self) -> String {
        let mut text = String::new();
        for (is_on, word) in
            [(self.only_up, ";up"), (self.no_maint, ";no-maint"), (self.no_refresh, ";norefresh")]
        {
            text.push_str(if is_on { word } else { "" });
        }
        if let Some(scope) = &self.scope {
            text.push_str("?scope=");
            text.push_str(&encode(scope));
        }
        text
    }

    /// Whether a proxy called `name` is wanted.
    pub(super) fn admits(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.scope.as_ref().is_none_or(|scope| name.contains(&scope.to_lowercase()))
    }
}

/// `a=1&b=2%33` as names and values.
pub(in crate::control) fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// What `+` and `%33` stand for; what is no such code stays.
fn decode(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (byte, digit(bytes.get(at)), digit(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |mut text, byte| {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_behind_semicolons_and_in_the_query() {
        let read = Options::read(";csv;up?scope=a%20B&x;norefresh;st=DONE;no-maint");
        let want = Options {
            form: Form::Csv,
            only_up: true,
            no_maint: true,
            no_refresh: true,
            scope: Some("a B".to_owned()),
            state: Some("DONE".to_owned()),
        };
        assert_eq!(read, want);
        let kept = Options { form: Form::Html, state: None, ..want };
        assert_eq!(kept.kept(), ";up;no-maint;norefresh?scope=a%20B");
        assert_eq!(Options::read(&kept.kept()), kept);
        assert!(kept.admits("xa bx") && !kept.admits("ab"));
        assert_eq!(Options::read("/x?;?&scope="), Options::default());
    }

    #[test]
    fn forms_are_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let read = form("s=a+b&s=%C3%A9&b=%233&&action&bad=%zz%");
        let want = [
            pair("s", "a b"),
            pair("s", "é"),
            pair("b", "#3"),
            pair("action", ""),
            pair("bad", "%zz%"),
        ];
        assert_eq!(read, want);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let options = Options::read(&text);
            Options::read(&options.kept());
            form(&text);
        }
    }
}
