//! A submitter's process: the commands of its script, one after the other.
//!
//! It behaves as `ray job` does: a submission id that is taken makes a submission fail, and following a log ends well
//! whatever became of the job. What it does takes time, so that anything may happen between two of its commands.

use std::time::Duration;

use ray_api::v1::job::JobStatus;
use tokio::time::Instant;

use super::network::reach;
use super::process::{Around, Next, Place};
use super::session::SessionId;
use super::submit_script::SubmitScript;
use crate::faults::plan::Behaviour;

/// Between two looks at a dashboard that does not answer.
const AGAIN: Duration = Duration::from_secs(2);

/// The process.
#[derive(Clone, Debug)]
pub struct Submitter {
    script: SubmitScript,
    place: Place,
    token: Option<String>,
    command: Command,
    /// When the command that runs has its effect.
    due: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    /// `until python -c …`
    Health,
    /// `ray job status`
    Status,
    /// `ray job submit`
    Submit,
    /// `ray job logs --follow`, or a submission that waits, before it is connected.
    Connect,
    /// The same, connected.
    Follow(SessionId),
    /// The same, after the job's end.
    Flush { exit: i32 },
}

enum Answer {
    Session(SessionId),
    Error,
    Silence,
}

impl Submitter {
    /// A process that starts now.
    pub fn start(script: SubmitScript, place: Place, token: Option<String>, around: &Around<'_>) -> Self {
        let due = Instant::now() + around.settings.timing.command.draw(around.random);
        Self {
            script,
            place,
            token,
            command: Command::Health,
            due,
        }
    }

    /// Goes as far as it can.
    pub fn step(&mut self, around: &Around<'_>) -> Next {
        loop {
            if let Command::Follow(session) = &self.command {
                let session = session.clone();
                if let Some(next) = self.follow(&session, around) {
                    return next;
                }
            }
            if Instant::now() < self.due {
                return Next::At(self.due);
            }
            if let Some(exit) = self.command(around) {
                return Next::Exit(exit);
            }
        }
    }

    /// Carries out the command that is due; the exit code, if it is the last one.
    fn command(&mut self, around: &Around<'_>) -> Option<i32> {
        if let Command::Flush { exit } = self.command {
            return Some(exit);
        }
        let answer = self.ask(around);
        if let (Answer::Silence, _) | (Answer::Error, Command::Health) = (&answer, &self.command) {
            self.due = Instant::now() + AGAIN;
            return None;
        }
        let known = |session: &SessionId| around.ray.record(session, &self.script.id).is_some();
        let next = match (&self.command, answer) {
            (Command::Health, _) if self.script.idempotent => Command::Status,
            (Command::Status, Answer::Session(session)) if known(&session) => Command::Connect,
            (Command::Health | Command::Status, _) => Command::Submit,
            (Command::Submit, Answer::Session(session)) => {
                let Self { script, place, .. } = self;
                let accepted = around.ray.submit(&session, &script.id, &script.entrypoint, &place.pod);
                if accepted.is_err() {
                    return Some(1);
                }
                Command::Connect
            }
            (Command::Connect, Answer::Session(session)) if known(&session) => Command::Follow(session),
            _ => return Some(1),
        };
        self.run(next, around);
        None
    }

    /// Waits for the job's end; nothing once it has come.
    fn follow(&mut self, session: &SessionId, around: &Around<'_>) -> Option<Next> {
        let Some(record) = around.ray.record(session, &self.script.id) else {
            return Some(Next::Exit(around.settings.broken_log_exit));
        };
        if record.end_time.is_none() {
            let end = around.ray.end(session, &self.script.id);
            return Some(end.map_or(Next::WhenRayChanges, Next::AtOrWhenRayChanges));
        }
        let failed = record.status == JobStatus::Failed && !self.script.idempotent;
        self.command = Command::Flush {
            exit: i32::from(failed),
        };
        self.due = Instant::now() + around.settings.timing.log.draw(around.random);
        None
    }

    fn run(&mut self, command: Command, around: &Around<'_>) {
        self.command = command;
        self.due = Instant::now() + around.settings.timing.command.draw(around.random);
    }

    fn ask(&self, around: &Around<'_>) -> Answer {
        let Some(session) = self.reach(around) else {
            return Answer::Error;
        };
        match around.ray.behaviour(&session) {
            Some(Behaviour::Hung) => Answer::Silence,
            Some(Behaviour::Refuses(_) | Behaviour::Garbage) => Answer::Error,
            _ if !around.ray.admits(&session, self.token.as_deref()) => Answer::Error,
            // A head that lies to whoever watches the job knows it all the same.
            None | Some(Behaviour::Slow(_) | Behaviour::Forgets | Behaviour::Claims(_)) => Answer::Session(session),
        }
    }

    fn reach(&self, around: &Around<'_>) -> Option<SessionId> {
        let authority = self.script.authority.as_str();
        let local = ["127.0.0.1:", "localhost:"];
        if local.iter().any(|host| authority.starts_with(host)) {
            around.ray.session(&self.place.uid)
        } else {
            reach(around.server, around.ray, authority).ok()
        }
    }
}
