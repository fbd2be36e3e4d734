//! Generated files: written, or compared with what is committed.
//!
//! Trap: a file that is no longer generated would stay for ever, so an output also names the directories that it owns
//! and `verify` reports what lies there without being generated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// All files of one target, by path from the repository's root.
#[derive(Default)]
pub struct Output {
    pub files: BTreeMap<PathBuf, String>,
    /// Directories and the extension whose files must all be generated.
    pub owned: Vec<(PathBuf, &'static str)>,
}

impl Output {
    /// Writes every file whose content differs, and says which.
    pub fn write(&self, root: &Path) -> anyhow::Result<()> {
        for (path, text) in &self.files {
            let target = root.join(path);
            if fs::read_to_string(&target).is_ok_and(|committed| committed == *text) {
                continue;
            }
            if let Some(directory) = target.parent() {
                fs::create_dir_all(directory).with_context(|| format!("failed to create {}", directory.display()))?;
            }
            fs::write(&target, text).with_context(|| format!("failed to write {}", target.display()))?;
            println!("wrote {}", path.display());
        }
        Ok(())
    }

    /// Fails with a summary when a committed file differs.
    pub fn verify(&self, root: &Path) -> anyhow::Result<()> {
        let mut report = String::new();
        for (path, text) in &self.files {
            match fs::read_to_string(root.join(path)) {
                Ok(committed) if committed == *text => {}
                Ok(committed) => writeln!(report, "{}: {}", path.display(), summary(&committed, text))?,
                Err(error) => writeln!(report, "{}: {error}", path.display())?,
            }
        }
        for stray in self.strays(root)? {
            writeln!(report, "{}: is not generated", stray.display())?;
        }
        if report.is_empty() {
            return Ok(());
        }
        bail!("generated files are not current; run `cargo xtask generate` and commit the result\n{report}")
    }

    fn strays(&self, root: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let mut strays = Vec::new();
        for (directory, extension) in &self.owned {
            let Ok(entries) = fs::read_dir(root.join(directory)) else {
                continue; // every file in it is missing, which is reported already
            };
            for entry in entries {
                let path = directory.join(entry?.file_name());
                if path.extension().is_some_and(|found| found == *extension) && !self.files.contains_key(&path) {
                    strays.push(path);
                }
            }
        }
        strays.sort();
        Ok(strays)
    }
}

/// How two texts differ: the number of lines between the first and the last difference, and the first pair.
fn summary(committed: &str, generated: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.lines().collect(), generated.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    format!(
        "{} committed lines would become {} from line {}\n  - {}\n  + {}",
        old.len() - head - tail,
        new.len() - head - tail,
        head + 1,
        old.get(head).unwrap_or(&"(end of file)"),
        new.get(head).unwrap_or(&"(end of file)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_names_the_first_difference() {
        let text = summary("a\nb\nc\nd\n", "a\nx\ny\nd\n");
        assert_eq!(text, "2 committed lines would become 2 from line 2\n  - b\n  + x");
    }

    #[test]
    fn summary_of_a_prefix() {
        let text = summary("a\n", "a\nb\n");
        assert_eq!(
            text,
            "0 committed lines would become 1 from line 2\n  - (end of file)\n  + b"
        );
    }
}
