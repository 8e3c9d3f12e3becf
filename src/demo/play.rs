//! The plot: the primary is killed and revived again and again while the clients connect.

use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::Failure;
use super::load::{Load, RATE};
use super::screen::{Screen, spell};
use super::stage::Stage;
use super::tally::{Tally, Visit, Who};
use crate::clock;

/// How long each server is watched before the next event.
const CALM: Duration = Duration::from_secs(2);

/// How long a shift is watched after its first answer, for those who waited with that client.
const SETTLE: Duration = Duration::from_millis(250);

/// Longest wait for a shift; with the demo's checks the longer one takes about 4 s.
const SHIFT_LIMIT: Duration = Duration::from_secs(30);

/// The demo while it runs.
pub(super) struct Play {
    load: Load,
    stage: Stage,
    screen: Screen,
    status: Interval,
    tally: Tally,
    began: Instant,
    to_backup: Vec<Duration>,
    to_primary: Vec<Duration>,
}

impl Play {
    /// Says what will be seen, and lets the clients in.
    pub(super) fn open(stage: Stage, mut screen: Screen, once: bool) -> Result<Self, Failure> {
        screen.text(&header(&stage, once))?;
        let mut status = interval(screen.status_interval());
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        status.reset();
        let load = Load::start(stage.front())?;
        Ok(Self {
            load,
            stage,
            screen,
            status,
            tally: Tally::default(),
            began: clock::now(),
            to_backup: Vec::new(),
            to_primary: Vec::new(),
        })
    }

    /// Kills and revives the primary, once or for ever.
    ///
    /// # Cancel safety
    /// Dropping it leaves everything running and counted up to then.
    pub(super) async fn tell(&mut self, once: bool) -> Result<(), Failure> {
        self.first_answer(Who::Primary, self.began).await?;
        self.event("the primary serves")?;
        loop {
            self.watch(CALM, |_| false).await?;
            self.kill().await?;
            self.watch(CALM, |_| false).await?;
            self.revive().await?;
            if once {
                return Ok(());
            }
        }
    }

    async fn kill(&mut self) -> Result<(), Failure> {
        self.tally.mark();
        // The timers of both threads tick in step: leave it, so that kills hit every moment in the
        // life of a connection.
        let period = Duration::from_secs(1) / RATE;
        std::thread::sleep(period.mul_f64(fastrand::f64()));
        let at = clock::now();
        let pid = self.stage.kill_primary().unwrap_or_default();
        self.event(&format!("kill -9 {pid}: the primary is dead"))?;
        let took = self.first_answer(Who::Backup, at).await?;
        self.to_backup.push(took);
        self.event(&format!("the backup serves, {} after the kill", spell(took)))?;
        self.watch(SETTLE, |_| false).await?;
        let longest = spell(self.tally.longest_lately);
        self.event(&format!("no client waited longer than {longest} meanwhile"))
    }

    async fn revive(&mut self) -> Result<(), Failure> {
        let at = clock::now();
        let pid = self.stage.revive_primary()?;
        self.event(&format!("the primary is started again, as process {pid}"))?;
        let took = self.first_answer(Who::Primary, at).await?;
        self.to_primary.push(took);
        let took = spell(took);
        self.event(&format!("the primary serves, {took} after its start: its checks passed"))?;
        self.watch(SETTLE, |_| false).await.map(drop)
    }

    /// From `since` until `who` answered a client.
    async fn first_answer(&mut self, who: Who, since: Instant) -> Result<Duration, Failure> {
        match self.watch(SHIFT_LIMIT, |visit| visit.answered(who, since)).await? {
            Some(visit) => Ok(visit.ended - since),
            None => Err(Failure::Silent {
                who: who.name(),
                limit: SHIFT_LIMIT,
                said: self.stage.proxy_said(),
            }),
        }
    }

    /// Counts what the clients see, for `limit` or up to the visit that is `enough`.
    async fn watch(
        &mut self,
        limit: Duration,
        enough: impl Fn(&Visit) -> bool,
    ) -> Result<Option<Visit>, Failure> {
        let mut over = std::pin::pin!(sleep(limit));
        loop {
            tokio::select! {
                visit = self.load.next() => {
                    let visit = visit.ok_or(Failure::NoClients)?;
                    self.count(&visit)?;
                    if enough(&visit) {
                        return Ok(Some(visit));
                    }
                }
                _ = self.status.tick() => {
                    self.stage.expect_alive()?;
                    self.show_status()?;
                }
                () = &mut over => return Ok(None),
            }
        }
    }

    fn count(&mut self, visit: &Visit) -> Result<(), Failure> {
        match self.tally.count(visit) {
            Some(reason) => self.event(&format!("a client saw an ERROR: {reason}")),
            None => Ok(()),
        }
    }

    fn event(&mut self, text: &str) -> Result<(), Failure> {
        self.screen.event(self.began.elapsed(), text)
    }

    fn show_status(&mut self) -> Result<(), Failure> {
        let tally = &mut self.tally;
        let Some(serving) = tally.serving else {
            return Ok(());
        };
        let who = format!("{} serves,", serving.name());
        let mut text =
            format!("{who:<15} {} connections, {} errors", tally.connections(), tally.errors);
        if tally.cut > 0 {
            text += &format!(", {} cut", tally.cut);
        }
        if let Some((p50, p99)) = tally.percentiles(clock::now()) {
            text += &format!(", p50 {}, p99 {}", spell(p50), spell(p99));
        }
        self.screen.status(self.began.elapsed(), &text)
    }

    /// Lets the last clients finish and sums up; whether none saw an error.
    pub(super) async fn close(mut self) -> Result<bool, Failure> {
        self.load.stop();
        while let Some(visit) = self.load.next().await {
            self.count(&visit)?;
        }
        self.screen.finish()?;
        let summary = self.summary();
        self.screen.text(&summary)?;
        Ok(self.tally.errors == 0)
    }

    fn summary(&self) -> String {
        let tally = &self.tally;
        let mut text = format!(
            "\n{} connections: {} answered by the primary, {} by the backup\n\
             {} errors (no answer, or a broken one), {} cut (answered, then reset)\n",
            tally.connections(),
            tally.primary,
            tally.backup,
            tally.errors,
            tally.cut,
        );
        for (reason, times) in &tally.reasons {
            text += &format!("    {times} x {reason}\n");
        }
        text += &format!("{}\n", shifts("backup", "the kill", &self.to_backup));
        text += &format!("{}\n", shifts("primary", "its start", &self.to_primary));
        text + &format!("longest wait of a client: {}", spell(tally.longest))
    }
}

fn header(stage: &Stage, once: bool) -> String {
    let (front, (path, text)) = (stage.front(), stage.file());
    let indent = |line: &str| format!("    {line}").trim_end().to_owned() + "\n";
    let file: String = text.lines().map(indent).collect();
    let until = if once { "killed and revived once" } else { "killed and revived until Ctrl-C" };
    format!(
        "Two servers behind Evenkeel; the primary is {until}.\n\
         The proxy is `evenkeel run -c {}`:\n\n\
         {file}\n\
         clients  {RATE} new connections a second to {front}, each reads to the end\n\
         \x20        who serves it; p50 and p99 say how long that took in the last second\n\
         metrics  http://{}/metrics\n\
         be one   nc {} {}\n",
        path.display(),
        stage.stats(),
        front.ip(),
        front.port(),
    )
}

/// One line on the shifts to `who`.
fn shifts(who: &str, since: &str, took: &[Duration]) -> String {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    match sorted[..] {
        [] => format!("no shift to the {who}"),
        [one] => format!("1 shift to the {who}, {} after {since}", spell(one)),
        [.., longest] => format!(
            "{} shifts to the {who}, {} after {since} in the median, {} at the longest",
            sorted.len(),
            spell(sorted[(sorted.len() - 1) / 2]),
            spell(longest),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_are_summed_up() {
        let ms =
            |list: &[u64]| list.iter().map(|&ms| Duration::from_millis(ms)).collect::<Vec<_>>();
        let cases = [
            (ms(&[]), "no shift to the backup"),
            (ms(&[7]), "1 shift to the backup, 7.00 ms after the kill"),
            (
                ms(&[9, 5, 7]),
                "3 shifts to the backup, 7.00 ms after the kill in the median, \
                 9.00 ms at the longest",
            ),
        ];
        for (took, expected) in cases {
            assert_eq!(shifts("backup", "the kill", &took), expected);
        }
    }
}
