//! Who the process becomes once its sockets are open: `user`, `group`, `uid`, `gid`, `chroot`.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities};

use super::options::told_at;
use crate::config::model::{Capability, Global};
use crate::net::system_text::system_text;
use crate::sys::privileges;

/// The numbers to become; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Identity {
    /// Whether a process that has become this may change what is in a directory.
    pub(super) fn may_write(self, dir: &Path) -> io::Result<()> {
        match self.uid.filter(|uid| *uid != geteuid().as_raw() && *uid != 0) {
            None => Ok(access(dir, Access::WRITE_OK | Access::EXEC_OK)?),
            Some(uid) => {
                let dir = std::fs::metadata(dir)?;
                let shift = match (dir.uid() == uid, self.gid == Some(dir.gid())) {
                    (true, _) => 6,
                    (false, true) => 3,
                    (false, false) => 0,
                };
                let may = dir.mode() >> shift & 0o3 == 0o3;
                if may { Ok(()) } else { Err(rustix::io::Errno::ACCESS.into()) }
            }
        }
    }
}

/// Looks the names up again, which the load has found.
///
/// # Errors
/// One sentence for each name the system does not know.
pub(super) fn look_up(global: &Global) -> Result<Identity, Vec<String>> {
    let mut errors = Vec::new();
    let mut find = |name: &Option<String>, kind: &str, lookup: fn(&str) -> Option<u32>| {
        let name = name.as_deref()?;
        let found = lookup(name);
        if found.is_none() {
            errors.push(format!(
                "cannot find {kind} id for '{name}': it is gone since the file was read"
            ));
        }
        found
    };
    let uid = find(&global.user, "user", privileges::user_id).or(global.uid);
    let gid = find(&global.group, "group", privileges::group_id).or(global.gid);
    if errors.is_empty() { Ok(Identity { uid, gid }) } else { Err(errors) }
}

/// Changes root and identity, in the only order that works. No thread may run yet.
///
/// # Errors
/// Names what was refused: the process must not go on with more rights than the file grants.
pub(super) fn assume(identity: Identity, global: &Global) -> Result<(), String> {
    let fail =
        |what: String| move |error: io::Error| format!("Cannot {what}: {}", system_text(&error));
    if let Some(root) = &global.chroot {
        let what = format!("chroot({})", root.display());
        std::os::unix::fs::chroot(root)
            .and_then(|()| std::env::set_current_dir("/"))
            .map_err(|error| told_at(&global.chroot_place, &what, &error))?;
    }
    let setcap = &global.life.setcap;
    if let Some(gid) = identity.gid {
        // Without the privilege the groups stay, and setgid below says whether that matters.
        let _ = privileges::clear_groups();
        privileges::become_group(gid).map_err(fail(format!("set gid {gid}")))?;
    }
    if let Some(uid) = identity.uid {
        // Root's rights end with its number, except those that are asked to stay.
        let keeps = !setcap.is_empty() && geteuid().is_root();
        if keeps {
            set_keep_capabilities(true)
                .map_err(io::Error::from)
                .map_err(fail("keep capabilities".to_owned()))?;
        }
        privileges::become_user(uid).map_err(fail(format!("set uid {uid}")))?;
        if keeps {
            keep(setcap).map_err(fail("set the capabilities of 'setcap'".to_owned()))?;
        }
    }
    Ok(())
}

/// Leaves this thread, and those it starts, exactly these rights.
fn keep(setcap: &[Capability]) -> io::Result<()> {
    let rights = setcap.iter().fold(CapabilitySet::empty(), |rights, right| {
        rights
            | match right {
                Capability::NetRaw => CapabilitySet::NET_RAW,
                Capability::NetAdmin => CapabilitySet::NET_ADMIN,
                Capability::NetBindService => CapabilitySet::NET_BIND_SERVICE,
                Capability::SysAdmin => CapabilitySet::SYS_ADMIN,
            }
    });
    let sets = CapabilitySets {
        effective: rights,
        permitted: rights,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, sets)?)
}
