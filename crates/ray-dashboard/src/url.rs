//! The one place where URLs of dashboards are made.
//!
//! A way consists of names that cannot lead elsewhere. What is not a name, the submission id, is one segment of the path,
//! percent-encoded.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::Source;
use crate::head::Route;

/// What stands for itself in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Longest submission id; a longer one would be no request that Ray reads.
const MOST_ID_BYTES: usize = 1024;

/// Where the job of that submission id is; `action` is ours.
pub fn job(route: &Route, submission_id: &str, action: &str) -> Result<Uri, Source> {
    if submission_id.len() > MOST_ID_BYTES {
        return Err(format!("the submission id is longer than {MOST_ID_BYTES} bytes").into());
    }
    // Also a server that reads `.` and `..` as steps must take it for a name.
    if submission_id.bytes().all(|byte| byte == b'.') {
        return Err("the submission id is empty, or dots alone".into());
    }
    let id = utf8_percent_encode(submission_id, SEGMENT);
    let base = match route {
        Route::Direct { authority } => format!("http://{}", authority.as_str()),
        Route::Proxy { namespace, service } => format!(
            "/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy",
            port = ray_api::ports::DASHBOARD_NAME,
        ),
    };
    Ok(Uri::try_from(format!("{base}/api/jobs/{id}{action}"))?)
}

#[cfg(test)]
mod tests {
    use ray_api::object_name::ObjectName;

    use super::*;
    use crate::fake::direct;

    #[test]
    fn an_id_stays_one_segment_below_the_jobs() {
        let name = |text| ObjectName::new(text).unwrap();
        let proxy = Route::Proxy {
            namespace: name("ns"),
            service: name("head-svc"),
        };
        let direct = direct("head-svc").route;
        for (id, segment) in [
            ("rayjob-x7k2p", "rayjob-x7k2p"),
            ("../serve?a b#c", "..%2Fserve%3Fa%20b%23c"),
            ("a%2fb", "a%252fb"),
            ("a\r\nhost: b", "a%0D%0Ahost%3A%20b"),
            ("ü", "%C3%BC"),
        ] {
            let uri = job(&direct, id, "/stop").unwrap().to_string();
            assert_eq!(
                uri,
                format!("http://head-svc.ns.svc.cluster.local:8265/api/jobs/{segment}/stop")
            );
            let uri = job(&proxy, id, "").unwrap().to_string();
            let path = "/api/v1/namespaces/ns/services/head-svc:dashboard/proxy/api/jobs";
            assert_eq!(uri, format!("{path}/{segment}"));
        }
    }

    #[test]
    fn what_would_be_another_path_is_refused() {
        for id in ["", ".", "..", &"a".repeat(1025)] {
            assert!(job(&direct("head-svc").route, id, "").is_err(), "{id:?}");
        }
    }
}
