//! Authentication of Ray's endpoints, which old versions of Ray do not have.

use super::groups::version;
use super::report::Report;
use super::subject::Subject;
use crate::ray_version::RayVersion;
use crate::v1::cluster::AuthOptions;

/// Rules 53 to 58.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(options) = &subject.spec.auth_options else {
        return;
    };
    if options.token() {
        token(subject, options, report);
    } else if options.kubernetes_tokens() {
        report.add(
            "authOptions.enableK8sTokenAuth",
            "authOptions.enableK8sTokenAuth is enabled but authOptions.mode not set to 'token'",
        );
    }
}

fn token(subject: &Subject<'_>, options: &AuthOptions, report: &mut Report) {
    let mode = "authOptions.mode is 'token' but";
    let wrong = match version(subject) {
        None => Some(format!(
            "{mode} RayVersion was not specified. Ray version 2.52.0 or later is required"
        )),
        Some((text, Err(error))) => Some(format!("{mode} RayVersion format is invalid: {text}, {error}")),
        Some((text, Ok(version))) if version < RayVersion::new(2, 52) => {
            Some(format!("{mode} minimum Ray version is 2.52.0, got {text}"))
        }
        Some((text, Ok(version))) => (options.kubernetes_tokens() && version < RayVersion::new(2, 55)).then(|| {
            format!("authOptions.enableK8sTokenAuth is enabled but minimum Ray version is 2.55.0, got {text}")
        }),
    };
    if let Some(wrong) = wrong {
        report.add("rayVersion", wrong);
    }
    if options.kubernetes_tokens() && options.secret_name.as_ref().is_some_and(|name| !name.is_empty()) {
        report.add(
            "authOptions.secretName",
            "authOptions.enableK8sTokenAuth is enabled and authOptions.secretName is also set",
        );
    }
}
