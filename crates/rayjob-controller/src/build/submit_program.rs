//! The program that submits a job where a shell would change what the user wrote.
//!
//! `ray job submit` takes the entrypoint as words, and joins them again: without quotes in some versions of Ray, with
//! quotes in others. So no quoting is right for all of them, and the text goes through Ray's own Python client, as
//! `ray job submit` itself does after joining.
//!
//! Traps. Bash is not the only one that changes a script: Kubernetes replaces `$(NAME)` and `$$` in the arguments of a
//! container before that. So program and text hold no dollar sign at all, nor a backtick, and no single quote, within
//! which they stand; JSON can escape all three. The text is an argument, and so in the locale's encoding: the program
//! takes its bytes.

use ray_api::go_json;
use serde_json::Value;

/// The interpreter need not be the one that the command `ray` belongs to; that one has Ray's client in any case. Files in
/// the working directory are no modules.
const PROGRAM: &str = r#"
import sys
sys.path = [path for path in sys.path if path]
import json, os, shutil
try:
    from ray.job_submission import JobSubmissionClient
except ImportError:
    command = shutil.which("ray")
    if command is None or "RAY_SUBMITTER_INTERPRETER" in os.environ:
        raise
    with open(command) as script:
        interpreter = script.readline()[2:].split()
    if "python" not in interpreter[-1]:
        raise
    os.environ["RAY_SUBMITTER_INTERPRETER"] = interpreter[-1]
    os.execv(interpreter[0], interpreter + sys.orig_argv[1:])
job = json.loads(os.fsencode(sys.argv[1]))
if "entrypoint_resources" in job:
    job["entrypoint_resources"] = json.loads(job["entrypoint_resources"])
headers = json.loads(os.environ.get("RAY_JOB_HEADERS", "null"))
client = JobSubmissionClient(job.pop("address"), headers=headers)
try:
    print(f"Job {client.submit_job(**job)!r} submitted successfully")
except RuntimeError as error:
    if "Please use a different submission_id" not in str(error):
        raise
    print("The job has been submitted before")
"#;

/// The arguments of a submission, named as those of the client's `submit_job`, but for `address`.
#[derive(Debug, Default)]
pub struct Arguments(Vec<(&'static str, String)>);

impl Arguments {
    /// Also this text.
    pub fn text(&mut self, name: &'static str, text: &str) {
        self.0.push((name, Value::from(text).to_string()));
    }

    /// Also this value, as the flags of `ray job submit` have it.
    pub fn value(&mut self, name: &'static str, value: &Value) {
        self.0.push((name, go_json::encode(value)));
    }

    /// The command, for bash.
    pub fn command(&self) -> String {
        let members = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        let json = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        // They can stand in its strings only.
        let json = json
            .replace('$', "\\u0024")
            .replace('`', "\\u0060")
            .replace('\'', "\\u0027");
        format!("python -c '{PROGRAM}' '{json}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_bash_nor_kubernetes_finds_anything_to_replace() {
        let mut arguments = Arguments::default();
        arguments.text("entrypoint", "a '$(HOSTNAME)' `date` $$ \"b\" \\u0024 \u{7f}é\n");
        let command = arguments.command();
        assert!(!command.contains(['$', '`']), "{command}");
        assert_eq!(command.matches('\'').count(), 4, "{command}");
        let json = command.rsplit('\'').nth(1).unwrap();
        let read: Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["entrypoint"], "a '$(HOSTNAME)' `date` $$ \"b\" \\u0024 \u{7f}é\n");
    }
}
