//! What `evenkeel ctl COMMAND --help` says of commands that HAProxy does not have.

/// The commands that have a help here.
pub const OWN: [&str; 4] = ["failovers", "drill", "switchover", "fence"];

/// The help of the command that `words` begin with, where its last word asks for it.
#[must_use]
pub fn help(words: &[String]) -> Option<&'static str> {
    let (last, command) = words.split_last()?;
    if !matches!(last.as_str(), "-h" | "--help") {
        return None;
    }
    Some(match command.first()?.as_str() {
        "failovers" => FAILOVERS,
        "drill" => DRILL,
        "switchover" => SWITCHOVER,
        "fence" => FENCE,
        _ => return None,
    })
}

const FAILOVERS: &str = "\
What each failover cost: those that happened, those that were planned or rehearsed, and those that
nobody saw because no process ran.

Usage: evenkeel ctl failovers [BACKEND|FRONTEND] [--save]

  --save  Write each as a JSON file and as a page with a chart, here

On a terminal it is a table, oldest first; into a pipe it is one JSON object a line. In both, what is
not known is absent or '?', never 0:
  to        'itself' where the primary was away and came back
  seconds   from the former primary's last word to the first session on the new one
  detect    of that, until it was known to be lost
  errors    sessions that failed: cut, left by their server, or refused
  cut held  sessions cut on the former primary, and the most clients that waited at a time (clients_held)
  missing   what the new primary lacked of what the former one was last seen to have, 'at least' until
            that one answers again as it was left and says how much it had (rpo_exact)
  rto rpo   met, missed or unknown, compared with 'rto' and 'rpo' of the frontends; - : not declared
The last 500 are kept, with files in state_dir/failovers of the last 200.
";

const DRILL: &str = "\
Make a fault on purpose, send clients of our own through the route, and write down what came of it.

Usage: evenkeel drill FRONTEND FAULT --dry-run|--live [-s SOCKET|-c FILE]

'evenkeel ctl drill' is the same. The process is asked at its command SOCKET, the one in $EVENKEEL_SOCKET,
or that of the configuration FILE.

Faults:
  --kill, --hang, --partition  Run the backend's program for it: drill = { kill = [\"/path\", …] }
  --switchover --to SERVER     Have SERVER take over as planned [--timeout TIME] [--force]

  --dry-run  Only look whether it can be done
  --live     Do it

Nothing here promotes anybody but a switchover: the program does, or what does so at a real failover.
The programs find EVENKEEL_BACKEND, EVENKEEL_SERVER, EVENKEEL_SERVER_ADDR and EVENKEEL_FAULT in their
environment; 'heal' runs at the end. The record is written here as drill-….json and drill-….html, and
is listed by 'failovers'.

After a fault only the old primary knows what it had that the new one lacks: where 'heal' brings it back
as it was left, it is waited for (as long as the drill's 'timeout'), and without it an 'rpo' that may be
kept to is unknown. The record is amended whenever it comes back.

Exit status: 0 'rto' and 'rpo' of the frontend are met, 3 one is missed, or the drill failed, 4 neither is
missed and one is unknown.
";

const SWITCHOVER: &str = "\
Have another server take over the writes while new clients wait. What fails is undone.

Usage: evenkeel ctl switchover FRONTEND --to SERVER [--timeout TIME] [--max-lag TIME] [--force] [--dry-run]
       evenkeel ctl switchover show

  --timeout TIME  For all of it, such as 8s; less than the 'hold' of the frontends
  --max-lag TIME  Refuse a SERVER that is further behind, before anybody waits (5s)
  --force         Cut the sessions that are in a transaction at half of the time, and go on where the
                  commits of SERVER will wait for standbys that are not there (Postgres)
  --dry-run       Only look whether it can be done

  show  One row for each that goes on: its frontend, its backend, who is to take over from whom, for how
        many seconds it goes on, and how far it is: looking (nobody waits yet), draining (new clients
        wait, sessions end), frozen (the old primary takes no writes), promoting, undoing, elsewhere
        (another process has it, and it is waited for), half-done (a process ended in it, or could not
        undo it: that is tried until it is done)

The backend says how: switchover = { user = \"…\" } or switchover = { promote = [\"/path\", …] }.
";

const FENCE: &str = "\
Who of a group may take writes, who is kept out, and why.

Usage: evenkeel ctl fence show [BACKEND]
       evenkeel ctl fence clear BACKEND [--force]

  show     One row a server. What it says of itself (primary, replica), what it is taken for (primary,
           replica, stray, fenced, replaced: fenced, as planned, unknown), what is remembered of it (incumbent: the primary; former: one
           before; follower: it was a replica since), how far it is behind in ms and in bytes of WAL or
           transactions, its history (Postgres: cluster:timeline; else its GTIDs), and why it is kept out.
           Where more than one claims to be primary, or only who is kept out: a line that begins with '#'
           and says which one to stop and which to keep, or that nobody can tell, and what to do next
  clear    Forget who was primary: whoever claims alone is it. It says who that is
  --force  Even where nobody is primary then, for more than one claims to be

Kept out: returned (another took over, and it has not followed that one since), older (it lacks what the
newest primary had), diverged (it became primary without a timeline of its own), stopped (it only ended
its replication while the primary is there), conflict (another claims it, too), foreign (data of another
cluster).
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_asked_for_by_the_last_word() {
        let asked = |text: &str| {
            help(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()).map(|text| &text[..4])
        };
        for (command, begins) in [
            ("failovers --help", Some("What")),
            ("drill w --kill -h", Some("Make")),
            ("failovers", None),
            ("show stat --help", None),
            ("--help", None),
        ] {
            assert_eq!(asked(command), begins, "{command}");
        }
    }
}
