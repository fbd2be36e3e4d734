//! What a submitter container does, read from its command: as much of the shell script as matters for the simulation.
//!
//! Only the words of `ray` commands are looked at, and the argument of a program that submits through Ray's Python client.
//! A container without either submits nothing: it runs until its pod ends.

use k8s_openapi::api::core::v1::Container;
use serde_json::Value;

/// In every program that submits through Ray's Python client.
const CLIENT: &str = "from ray.job_submission import";

/// What is to be submitted, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitScript {
    /// `host:port` of the dashboard.
    pub authority: String,
    /// The submission id.
    pub id: String,
    /// The entrypoint.
    pub entrypoint: String,
    /// Whether it looks first whether the job is there, and follows the log of one that is.
    pub idempotent: bool,
}

impl SubmitScript {
    /// Reads a container's command; `None` if it submits nothing.
    pub fn read(container: &Container) -> Option<Self> {
        let words = container.command.iter().chain(&container.args).flatten();
        let mut scripts = words.map(String::as_str);
        let script = scripts.find(|word| word.contains("ray job submit ") || word.contains(CLIENT))?;
        if script.contains(CLIENT) {
            return Self::of_program(script);
        }
        let (_, submit) = script.split_once("ray job submit ")?;
        let (options, rest) = submit.split_once(" -- ")?;
        let mut options = options.split_whitespace();
        let mut option = |name: &str| {
            let mut from_there = options.by_ref().skip_while(|word| *word != name);
            from_there.nth(1).map(str::to_owned)
        };
        let address = option("--address")?;
        let id = option("--submission-id")?;
        let entrypoint = rest.split(" ; fi ").next().unwrap_or(rest);
        Some(Self {
            authority: address.trim_start_matches("http://").to_owned(),
            id,
            entrypoint: entrypoint.trim_end_matches([' ', ';']).to_owned(),
            idempotent: script.contains("ray job status "),
        })
    }

    /// Reads the program's argument: JSON in single quotes, of which there are none in it.
    fn of_program(script: &str) -> Option<Self> {
        let (_, argument) = script.split_once("' '{")?;
        let (argument, _) = argument.split_once('\'')?;
        let argument: Value = serde_json::from_str(&format!("{{{argument}")).ok()?;
        let text = |name: &str| argument[name].as_str().map(str::to_owned);
        Some(Self {
            authority: text("address")?.trim_start_matches("http://").to_owned(),
            id: text("submission_id")?,
            entrypoint: text("entrypoint")?,
            idempotent: script.contains("ray job status "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(script: &str) -> Container {
        Container {
            command: Some(["/bin/bash", "-ce", "--"].map(str::to_owned).to_vec()),
            args: Some(vec![script.to_owned()]),
            ..Container::default()
        }
    }

    #[test]
    fn a_script_for_a_kubernetes_job_is_read() {
        let script = "until python -c \"x\" ; do sleep 2 ; done ; if ! ray job status --address http://h.ns.svc:8265 j-1 \
                      >/dev/null 2>&1 ; then ray job submit --address http://h.ns.svc:8265 --no-wait \
                      --runtime-env-json \"{\\\"a\\\":1}\" --submission-id j-1 -- python a.py --b ; fi ; \
                      ray job logs --address http://h.ns.svc:8265 --follow j-1";
        let want = SubmitScript {
            authority: "h.ns.svc:8265".to_owned(),
            id: "j-1".to_owned(),
            entrypoint: "python a.py --b".to_owned(),
            idempotent: true,
        };
        assert_eq!(SubmitScript::read(&container(script)), Some(want));
    }

    #[test]
    fn a_program_that_submits_is_read() {
        let script = "if ! ray job status --address http://h.ns.svc:8265 j-1 >/dev/null 2>&1 ; then python -c '\n\
                      from ray.job_submission import JobSubmissionClient\n' '{\"address\":\"http://h.ns.svc:8265\",\
                      \"entrypoint\":\"a \\u0026\\u0026 \\u0027b\\u0027\",\"submission_id\":\"j-1\"}' ; fi ; \
                      ray job logs --address http://h.ns.svc:8265 --follow j-1";
        let want = SubmitScript {
            authority: "h.ns.svc:8265".to_owned(),
            id: "j-1".to_owned(),
            entrypoint: "a && 'b'".to_owned(),
            idempotent: true,
        };
        assert_eq!(SubmitScript::read(&container(script)), Some(want));
    }

    #[test]
    fn a_sidecars_script_is_read() {
        let script = "ray job submit --address http://127.0.0.1:8265 --submission-id j-1 -- python a.py ;";
        let read = SubmitScript::read(&container(script)).unwrap();
        assert_eq!(
            (read.authority.as_str(), read.entrypoint.as_str(), read.idempotent),
            ("127.0.0.1:8265", "python a.py", false)
        );
    }

    #[test]
    fn other_commands_submit_nothing() {
        assert_eq!(SubmitScript::read(&container("sleep 5")), None);
        assert_eq!(SubmitScript::read(&Container::default()), None);
    }
}
