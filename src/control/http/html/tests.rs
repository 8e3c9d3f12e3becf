use super::*;

#[test]
fn text_cannot_become_markup() {
    assert_eq!(escape("<a href=\"x\">'&'"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
}

#[test]
fn figures_are_written_for_people() {
    for (count, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (205_520_896, "196 MiB")]
    {
        assert_eq!(table::bytes(count), text);
    }
    for (seconds, text) in [(59, "59s"), (61, "1m01s"), (3661, "1h01m"), (90_000, "1d1h")] {
        assert_eq!(table::duration(seconds), text);
    }
    assert_eq!(uptime(93_784), "1d 2h03m04s");
}
