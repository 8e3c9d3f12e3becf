//! What operators and the configuration say about a server, over whatever its checks say.
//!
//! Maintenance wins over drain, and both are kept apart by who asked, so that one withdrawing its
//! wish does not undo another's. The bits are those of HAProxy's state file:
//!
//! | bit | meaning |
//! |---|---|
//! | 0x01 | an operator's maintenance |
//! | 0x02 | the server it tracks is in maintenance |
//! | 0x04 | the file said `disabled`: only remembered, the server starts with 0x01 beside it |
//! | 0x08 | an operator's drain |
//! | 0x10 | the server it tracks is drained |
//! | 0x20 | its name is not resolved |

/// Forced, configured and inherited flags of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Admin(u8);

/// What an operator may ask of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Follows its checks.
    Ready,
    /// Takes no new sessions by balancing; checks go on.
    Drain,
    /// Takes nothing; checks pause.
    Maint,
}

impl Admin {
    const FORCED_MAINT: u8 = 0x01;
    const INHERITED_MAINT: u8 = 0x02;
    const CONFIG_MAINT: u8 = 0x04;
    const FORCED_DRAIN: u8 = 0x08;
    const INHERITED_DRAIN: u8 = 0x10;
    const RESOLUTION_MAINT: u8 = 0x20;

    /// As configured.
    #[must_use]
    pub fn new(disabled: bool) -> Self {
        Self(if disabled { Self::CONFIG_MAINT | Self::FORCED_MAINT } else { 0 })
    }

    /// The flags of a state file.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The file said `disabled`.
    #[must_use]
    pub const fn was_configured(self) -> bool {
        self.0 & Self::CONFIG_MAINT != 0
    }

    /// An operator, or the file, put it into maintenance.
    #[must_use]
    pub const fn is_forced_maint(self) -> bool {
        self.0 & Self::FORCED_MAINT != 0
    }

    /// Takes no traffic and is not checked.
    #[must_use]
    pub const fn is_maint(self) -> bool {
        self.0 & (Self::FORCED_MAINT | Self::INHERITED_MAINT | Self::RESOLUTION_MAINT) != 0
    }

    /// The server it tracks is in maintenance.
    #[must_use]
    pub const fn is_inherited_maint(self) -> bool {
        self.0 & Self::INHERITED_MAINT != 0
    }

    /// An operator drains it.
    #[must_use]
    pub const fn is_forced_drain(self) -> bool {
        self.0 & Self::FORCED_DRAIN != 0
    }

    /// Whether a state file may say this. What is inherited, or is so because a name is not resolved, is
    /// found again.
    #[must_use]
    pub const fn may_be_written(self) -> bool {
        const OWN: u8 = Admin::FORCED_MAINT | Admin::CONFIG_MAINT | Admin::FORCED_DRAIN;
        let own = self.0 & OWN;
        own & Self::FORCED_MAINT == 0 || own & Self::FORCED_DRAIN == 0
    }

    /// The flags while it tracks a server with the flags `tracked`; `None`: it tracks none.
    #[must_use]
    pub fn inheriting(self, tracked: Option<Self>) -> Self {
        let kept = self.0 & !(Self::INHERITED_MAINT | Self::INHERITED_DRAIN);
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let maint = tracked.is_some_and(Self::is_maint);
        let drain = tracked.is_some_and(Self::is_drain);
        Self(kept | bit(maint, Self::INHERITED_MAINT) | bit(drain, Self::INHERITED_DRAIN))
    }

    /// Has no address, because its name is not resolved.
    #[must_use]
    pub fn is_unresolved(self) -> bool {
        self.0 & Self::RESOLUTION_MAINT != 0
    }

    /// The flags once its name is resolved or is not any more.
    #[must_use]
    pub fn resolved(self, resolved: bool) -> Self {
        let kept = self.0 & !Self::RESOLUTION_MAINT;
        Self(if resolved { kept } else { kept | Self::RESOLUTION_MAINT })
    }

    /// Takes no new sessions by balancing.
    #[must_use]
    pub const fn is_drain(self) -> bool {
        self.0 & (Self::FORCED_DRAIN | Self::INHERITED_DRAIN) != 0
    }

    /// The number of HAProxy's state file.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The flags after an operator's command: each replaces the one before.
    #[must_use]
    pub fn after(self, command: Command) -> Self {
        let kept = self.0 & !(Self::FORCED_MAINT | Self::FORCED_DRAIN);
        Self(match command {
            Command::Ready => kept,
            Command::Drain => kept | Self::FORCED_DRAIN,
            Command::Maint => kept | Self::FORCED_MAINT,
        })
    }

    /// The flags after a reload that changed `disabled`: what the file says now replaces what
    /// operators said before.
    #[must_use]
    pub fn reconfigured(self, disabled: bool) -> Self {
        let before = Self(self.0 & !Self::CONFIG_MAINT);
        if disabled {
            Self(before.after(Command::Maint).0 | Self::CONFIG_MAINT)
        } else {
            before.after(Command::Ready)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_over_flags() {
        // (flags before, command, maint after, drain after), as HAProxy 2.6 shows them.
        let forced = Admin::default().after(Command::Maint);
        let drained = Admin::default().after(Command::Drain);
        let rows = [
            (Admin::default(), Command::Maint, true, false),
            (Admin::default(), Command::Drain, false, true),
            (forced, Command::Drain, false, true),
            (forced, Command::Ready, false, false),
            (drained, Command::Maint, true, false),
            (drained, Command::Ready, false, false),
            (Admin::new(true), Command::Ready, false, false),
            (Admin::new(true), Command::Drain, false, true),
            (Admin::new(true), Command::Maint, true, false),
        ];
        for (before, command, maint, drain) in rows {
            let after = before.after(command);
            assert_eq!(
                (after.is_maint(), after.is_drain()),
                (maint, drain),
                "{before:?} {command:?}"
            );
        }
    }

    #[test]
    fn the_bits_are_those_haproxy_shows() {
        let disabled = Admin::new(true);
        assert_eq!(disabled.bits(), 5);
        assert_eq!(disabled.after(Command::Drain).bits(), 12);
        assert_eq!(disabled.after(Command::Drain).after(Command::Maint).bits(), 5);
        assert_eq!(disabled.after(Command::Ready).bits(), 4);
        assert_eq!(Admin::default().after(Command::Drain).after(Command::Maint).bits(), 1);
    }

    #[test]
    fn what_is_inherited_goes_with_the_tracked_server() {
        let (maint, drain) = (Admin::from_bits(1), Admin::from_bits(8));
        let rows = [(0, 2, 16), (1, 3, 17), (8, 10, 24), (5, 7, 21)];
        for (own, in_maint, drained) in rows {
            let own = Admin::from_bits(own);
            assert_eq!(own.inheriting(Some(maint)).bits(), in_maint, "{own:?}");
            assert_eq!(own.inheriting(Some(drain)).bits(), drained, "{own:?}");
            // A chain hands on what it inherited itself.
            assert_eq!(own.inheriting(Some(Admin::from_bits(2))).bits(), in_maint);
            assert_eq!(own.inheriting(Some(maint)).inheriting(None), own);
        }
        let inherits = Admin::default().inheriting(Some(drain));
        assert_eq!(inherits.after(Command::Maint).after(Command::Ready).bits(), 16);
    }

    #[test]
    fn a_file_that_changed_its_mind_has_the_last_word() {
        let forced = Admin::default().after(Command::Maint);
        let drained = Admin::default().after(Command::Drain);
        assert_eq!(forced.reconfigured(true).bits(), 5);
        assert_eq!(drained.reconfigured(true).bits(), 5);
        assert_eq!(Admin::new(true).reconfigured(false).bits(), 0);
        assert_eq!(Admin::new(true).after(Command::Drain).reconfigured(false).bits(), 0);
    }
}
