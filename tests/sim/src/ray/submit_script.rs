//! What a submitter container does, read from its command: as much of the shell script as matters for the simulation.
//!
//! Only the words of `ray` commands are looked at. A container without them submits nothing: it runs until its pod ends.

use k8s_openapi::api::core::v1::Container;

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
    #[must_use]
    pub fn read(container: &Container) -> Option<Self> {
        let words = container.command.iter().chain(&container.args).flatten();
        let script = words
            .map(String::as_str)
            .find(|word| word.contains("ray job submit "))?;
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
