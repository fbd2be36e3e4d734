//! The text of `ray start`, and what the Ray container runs.
//!
//! Traps: a value of `true` makes a bare flag and `false` no flag at all, but for three that Ray wants spelled out; a
//! user's command that contains `ray start` anywhere is left alone, any other runs before ours.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::node::{Node, Role};

/// Flags that take `true` or `false` as a value.
const VALUED: [&str; 3] = ["include-dashboard", "include-log-monitor", "log-color"];
/// Ray opens many files; the limit can be set in the pod.
const FILE_LIMIT: &str = "ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; ";

/// The command, with two blanks between flags and one at the end.
pub(super) fn text(role: Role, params: &BTreeMap<String, String>) -> String {
    let start = match role {
        Role::Head => "ray start --head ",
        Role::Worker => "ray start ",
    };
    let flags = params.iter().filter_map(|(key, value)| {
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        let valued = VALUED.contains(&key.as_str());
        if !valued && is("true") {
            Some(format!(" --{key} "))
        } else if valued || !is("false") {
            Some(format!(" --{key}={value} "))
        } else {
            None
        }
    });
    std::iter::once(start.to_owned()).chain(flags).collect()
}

/// Makes the Ray container run `command`, unless the user's own command is to stay.
pub(super) fn apply(node: &Node<'_>, draft: &mut Draft, command: &str) {
    let overwrites = draft.overwrites_command();
    let ray = &mut draft.ray;
    let words = ray.command.iter().flatten().chain(ray.args.iter().flatten());
    let own = words.map(|word| format!(" {word} ")).collect::<Vec<_>>().concat();
    if overwrites || own.contains("ray start") {
        return;
    }
    let generated = format!("{FILE_LIMIT}{command}");
    ray.command = Some(node.context.settings.switches.bash());
    ray.args = Some(vec![if own.is_empty() {
        generated
    } else {
        format!("{own} && {generated}")
    }]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(role: Role, params: &[(&str, &str)]) -> String {
        let params = params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        text(role, &params.collect())
    }

    #[test]
    fn flags_are_sorted_and_padded() {
        assert_eq!(render(Role::Head, &[]), "ray start --head ");
        assert_eq!(
            render(
                Role::Worker,
                &[("num-cpus", "1"), ("address", "h:6379"), ("block", "TRUE")]
            ),
            "ray start  --address=h:6379  --block  --num-cpus=1 "
        );
    }

    #[test]
    fn truth_is_bare_but_for_three_flags() {
        assert_eq!(render(Role::Worker, &[("x", "false"), ("y", "False")]), "ray start ");
        assert_eq!(
            render(Role::Head, &[("include-log-monitor", "false")]),
            "ray start --head  --include-log-monitor=false "
        );
        assert_eq!(
            render(Role::Head, &[("log-color", "true"), ("include-dashboard", "True")]),
            "ray start --head  --include-dashboard=True  --log-color=true "
        );
    }
}
