//! Where and when figures were taken: a figure without its machine is no figure.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Zoned;

/// The machine, the software and the date of a run.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Local date, `2026-11-21`.
    pub date: String,
    /// Processor model and number of cores.
    pub cpu: String,
    /// Kernel release.
    pub kernel: String,
    /// First line of each program's version, in the order asked.
    pub programs: Vec<String>,
}

impl Machine {
    /// Names this machine and asks each program of `programs` (path and version flag) for its
    /// version; what cannot be read is said to be unknown.
    #[must_use]
    pub fn this(programs: &[(&Path, &str)]) -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            date: Zoned::now().date().to_string(),
            cpu: cpu(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            kernel: kernel.trim().to_owned(),
            programs: programs.iter().map(|(program, flag)| version(program, flag)).collect(),
        }
    }

    /// Three lines of Markdown.
    #[must_use]
    pub fn describe(&self) -> String {
        let programs = self.programs.join("; ");
        format!("{}, {}, Linux {}.\n{programs}.\n", self.date, self.cpu, self.kernel)
    }
}

/// All cores are counted, not those that this process is held to.
fn cpu(cpuinfo: &str) -> String {
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    format!("{}, {cores} cores", model.map_or("unknown CPU", |(_, name)| name))
}

/// nginx tells its version on stderr, the others on stdout.
fn version(program: &Path, flag: &str) -> String {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let Ok(output) = Command::new(program).arg(flag).output() else {
        return format!("{name}: not found");
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or("version unknown");
    match line.to_lowercase().contains(&*name) {
        true => line.to_owned(),
        false => format!("{name}: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_its_model_and_its_cores() {
        let text =
            "processor\t: 0\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\nmodel name\t: AMD EPYC\n";
        assert_eq!(cpu(text), "AMD EPYC, 2 cores");
        assert_eq!(cpu(""), "unknown CPU, 0 cores");
    }

    #[test]
    fn programs_are_named_with_their_version_or_their_absence() {
        let machine = Machine::this(&[
            (Path::new("sh-that-is-not-there"), "-v"),
            (Path::new("env"), "--version"),
        ]);
        assert_eq!(machine.programs[0], "sh-that-is-not-there: not found");
        assert!(machine.programs[1].contains("env"), "{}", machine.programs[1]);
        assert!(machine.describe().contains(&machine.kernel));
    }
}
