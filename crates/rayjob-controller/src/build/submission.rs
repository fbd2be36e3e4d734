//! What reaches Ray, told by real bash and a real Python from the whole script, with a `ray` that writes down what it
//! gets. Kubernetes' own replacements in arguments are made before.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ray_api::v1::{RayJob, RayJobSpec};
use rstest::rstest;
use serde_json::{Value, json};

use super::submit_command::SubmitCommand;
use crate::fixtures::sample;

/// The command `ray`: knows the job once it is submitted, and joins words as some versions do.
const RAY: &str = r#"#!/bin/bash
case "$1 $2" in
"job status") test -s "$FOLDER/submitted" ;;
"job submit")
  for word in "$@"; do printf '%s\n' "$word"; done >"$FOLDER/words"
  while [ "$1" != -- ]; do shift; done; shift
  printf '{"entrypoint": "%s"}\n' "$*" >>"$FOLDER/submitted" ;;
"job logs") echo "the log"; exit "$(cat "$FOLDER/log-exit")" ;;
esac
"#;

/// Ray's Python client.
const CLIENT: &str = r#"
import json, os, pathlib
FOLDER = pathlib.Path(os.environ["FOLDER"])
class JobSubmissionClient:
    def __init__(self, address, headers=None):
        self.given = {"address": address, "headers": headers}
    def submit_job(self, **job):
        if (FOLDER / "taken").exists():
            raise RuntimeError("Request failed with status code 500: Job with submission_id id already exists. "
                               "Please use a different submission_id.")
        if (FOLDER / "broken").exists():
            raise RuntimeError("Request failed with status code 500.")
        with open(FOLDER / "submitted", "a") as file:
            file.write(json.dumps({**self.given, **job}) + "\n")
        return job["submission_id"]
"#;

/// The dashboard of this world is healthy.
const PYTHON: &str = r#"#!/bin/bash
case "$2" in *urllib*) exit 0 ;; esac
exec python3 "$@"
"#;

/// A submitter's container.
struct Container {
    folder: PathBuf,
}

impl Container {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("submission-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let container = Self { folder };
        for part in ["bin", "modules/ray/job_submission", "home/ray"] {
            fs::create_dir_all(container.folder.join(part)).unwrap();
        }
        container.program("bin/ray", RAY);
        container.program("bin/python", PYTHON);
        container.write("modules/ray/__init__.py", "");
        container.write("modules/ray/job_submission/__init__.py", CLIENT);
        // A user's own files are in the working directory.
        container.write("home/ray/__init__.py", "raise Exception('not Ray')");
        container.write("home/json.py", "raise Exception('not json')");
        container.write("log-exit", "0");
        container
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).unwrap();
    }

    fn program(&self, path: &str, text: &str) {
        self.write(path, text);
        fs::set_permissions(self.folder.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the script as Kubernetes does.
    fn run(&self, spec: &RayJobSpec) -> Output {
        let command = SubmitCommand {
            dashboard: "head:8265",
            submission_id: "id",
            spec,
        };
        let script = replaced(&command.script().unwrap());
        let path = std::env::var("PATH").unwrap();
        Command::new("/bin/bash")
            .args(["-ce", "--", &script])
            .current_dir(self.folder.join("home"))
            .env("PATH", format!("{}/bin:{path}", self.folder.display()))
            .env("PYTHONPATH", self.folder.join("modules"))
            .env("FOLDER", &self.folder)
            .env("NAME", "expanded too early")
            .env("LC_ALL", "C")
            .env("RAY_JOB_HEADERS", r#"{"a": "b"}"#)
            .output()
            .unwrap()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap_or_default()
    }

    /// What Ray was given, each time.
    fn submissions(&self) -> Vec<Value> {
        let lines = self.read("submitted");
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.folder.join("home"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(Path::new(&self.folder));
    }
}

/// What Kubernetes makes of an argument, with the variable `NAME`.
fn replaced(argument: &str) -> String {
    let mut parts = argument.split("$$");
    let first = parts
        .next()
        .unwrap_or_default()
        .replace("$(NAME)", "expanded too early");
    let rest = parts.map(|part| part.replace("$(NAME)", "expanded too early"));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join("$")
}

fn spec(change: impl FnOnce(&mut RayJobSpec)) -> RayJobSpec {
    let mut job: RayJob = sample();
    job.spec.runtime_env_yaml = None;
    change(&mut job.spec);
    job.spec
}

#[rstest]
#[case::several_commands("several", "cd /home/ray && pwd;\nhostname\n")]
#[case::exit_code_hidden("hidden", "python a.py; true")]
#[case::pipe("pipe", "python a.py | tee log")]
#[case::dollars(
    "dollars",
    "python main.py --host $NAME --stamp `date +%s` --sql \"select * from t where c = 'a b'\""
)]
#[case::kubernetes_dollars("kubernetes", "echo $(NAME) $$ $$(NAME) ${NAME} $(hostname)")]
#[case::quotes("quotes", "python -c 'print(\"it'\"'\"'s\")'")]
#[case::files_of_the_submitter("files", "touch ../pwned ~/x > here < there & (touch a) [b] {c,d} #e !f \\g ?h *")]
#[case::alphabets("alphabets", "python é.py --ü=ß --日本 😀 \u{a0}\u{7f}")]
#[case::end_of_a_quoted_word("end", "'; touch pwned; echo '")]
#[case::escapes("escapes", "\\u0024NAME \\n \\\\ \t x")]
fn the_text_reaches_ray_as_it_is(#[case] name: &str, #[case] entrypoint: &str) {
    let container = Container::new(name);
    let files = container.files();
    let spec = spec(|spec| spec.entrypoint = Some(entrypoint.into()));
    for attempt in 1..=2 {
        let output = container.run(&spec);
        assert!(output.status.success(), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).ends_with("the log\n"),
            "{output:?}"
        );
        let want = json!({"address": "http://head:8265", "headers": {"a": "b"}, "entrypoint": entrypoint, "submission_id": "id"});
        assert_eq!(container.submissions(), [want], "attempt {attempt}");
    }
    assert_eq!(container.files(), files, "nothing of it ran here");
}

#[test]
fn the_runtime_environment_and_the_rest_reach_ray_as_they_are() {
    let container = Container::new("environment");
    let yaml = r#"
working_dir: "https://example.com/app.zip?a=1&b=2"
pip: ["${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}/dist/app-1.0-py3-none-any.whl"]
env_vars:
  PRICE: "5$ or `cheaper`"
  LINE: 'a "quoted" word and a \ backslash!'
"#;
    let spec = spec(|spec| {
        spec.runtime_env_yaml = Some(yaml.into());
        spec.metadata = Some([("owner".into(), "$NAME & `others`".into())].into());
        spec.entrypoint_num_cpus = Some(0.1);
        spec.entrypoint_num_gpus = Some(2.0);
        spec.entrypoint_resources = Some("{\"it's\": 1.5}".into());
    });
    let output = container.run(&spec);
    assert!(output.status.success(), "{output:?}");
    let want = json!({
        "address": "http://head:8265",
        "headers": {"a": "b"},
        "entrypoint": "python /home/ray/samples/sample_code.py",
        "submission_id": "id",
        "runtime_env": {
            "working_dir": "https://example.com/app.zip?a=1&b=2",
            "pip": ["${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}/dist/app-1.0-py3-none-any.whl"],
            "env_vars": {"PRICE": "5$ or `cheaper`", "LINE": "a \"quoted\" word and a \\ backslash!"},
        },
        "metadata": {"owner": "$NAME & `others`"},
        "entrypoint_num_cpus": 0.1,
        "entrypoint_num_gpus": 2,
        "entrypoint_resources": {"it's": 1.5},
    });
    assert_eq!(container.submissions(), [want]);
}

/// Whatever a shell would do with it: a single character decides which way it takes, and either way it arrives.
#[test]
fn every_character_reaches_ray() {
    let characters = (' '..='~').chain(['\n', '\t']);
    for character in characters.filter(|character| !character.is_ascii_alphanumeric()) {
        let container = Container::new("characters");
        let entrypoint = format!("python a.py --b={character}c");
        let output = container.run(&spec(|spec| spec.entrypoint = Some(entrypoint.clone())));
        assert!(output.status.success(), "{character:?}: {output:?}");
        assert_eq!(container.submissions()[0]["entrypoint"], entrypoint, "{character:?}");
    }
}

#[test]
fn plain_words_go_through_rays_command() {
    let container = Container::new("plain");
    let spec = spec(|spec| {
        spec.entrypoint = Some("python a.py --b=1 x@y:z,% +w\n".into());
        spec.runtime_env_yaml = Some("env_vars: {A: 'it''s \"a\" \\ & b'}".into());
    });
    assert!(container.run(&spec).status.success());
    let words = container.read("words");
    let words: Vec<_> = words.lines().collect();
    assert_eq!(
        words[..5],
        ["job", "submit", "--address", "http://head:8265", "--no-wait"]
    );
    let environment: Value = serde_json::from_str(words[6]).unwrap();
    assert_eq!(environment, json!({"env_vars": {"A": "it's \"a\" \\ & b"}}));
    assert_eq!(
        words[7..],
        [
            "--submission-id",
            "id",
            "--",
            "python",
            "a.py",
            "--b=1",
            "x@y:z,%",
            "+w"
        ]
    );
}

/// Another pod may have submitted between the two questions: that is no failure. Others are, and nothing is followed.
#[test]
fn a_taken_id_is_followed_and_a_refusal_fails() {
    let spec = spec(|spec| spec.entrypoint = Some("a && b".into()));
    let container = Container::new("taken");
    container.write("taken", "");
    let output = container.run(&spec);
    assert!(output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).ends_with("the log\n"),
        "{output:?}"
    );

    let container = Container::new("refused");
    container.write("broken", "");
    let output = container.run(&spec);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");

    let container = Container::new("log");
    container.write("log-exit", "7");
    assert_eq!(
        container.run(&spec).status.code(),
        Some(7),
        "the end of the log is the end of the script"
    );
}

/// `python` need not be the one that Ray is installed for.
#[test]
fn the_interpreter_of_rays_command_is_found() {
    let container = Container::new("interpreter");
    let modules = container.folder.join("modules");
    fs::rename(&modules, container.folder.join("of-ray")).unwrap();
    let of_ray = format!(
        "#!/bin/bash\nPYTHONPATH={}/of-ray exec python3 \"$@\"\n",
        container.folder.display()
    );
    container.program("bin/python-of-ray", &of_ray);
    let shebang = format!("#!{}/bin/python-of-ray\n", container.folder.display());
    container.program("bin/ray", &shebang);
    // The other commands of this `ray` do nothing that matters: they are Python now.
    let script = SubmitCommand {
        dashboard: "head:8265",
        submission_id: "id",
        spec: &spec(|spec| spec.entrypoint = Some("a && b".into())),
    };
    let script = script.script().unwrap();
    let submit = script
        .split("; then ")
        .nth(1)
        .and_then(|rest| rest.rsplit_once(" ; fi ;"))
        .unwrap()
        .0;
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("/bin/bash")
        .args(["-ce", "--", submit])
        .env("PATH", format!("{}/bin:{path}", container.folder.display()))
        .env("FOLDER", &container.folder)
        .env_remove("PYTHONPATH")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(container.submissions()[0]["entrypoint"], "a && b");
}
