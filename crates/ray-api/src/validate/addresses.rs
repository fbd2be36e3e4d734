//! What becomes part of an address: names of objects that are read or asked by name, and Services that lead elsewhere.
//!
//! KubeRay has none of these rules. It finds out when the API server refuses the object, and an edited name of a Service
//! takes its requests, with their tokens, to whatever host stands there.

use super::kubernetes_names::{dns_1035_label, go_list};
use super::report::Report;
use super::subject::Subject;
use crate::head_service::EXTERNAL_NAME;
use crate::object_name::ObjectName;
use crate::v1::ServiceTemplate;

/// The names and Services of a cluster's spec.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let head = &subject.spec.head_group_spec;
    if let Some(head_service) = &head.head_service {
        service("headGroupSpec.headService", head_service, report);
    }
    external("headGroupSpec.serviceType", head.service_type.as_deref(), report);
    let options = subject.spec.gcs_fault_tolerance_options.as_ref();
    let storage = options.and_then(|options| options.storage.as_ref());
    let pod = head.template.spec.as_ref();
    for (field, text) in [
        (
            "headGroupSpec.template.spec.serviceAccountName",
            pod.and_then(|pod| pod.service_account_name.as_deref()),
        ),
        (
            "authOptions.secretName",
            subject
                .spec
                .auth_options
                .as_ref()
                .and_then(|options| options.secret_name.as_deref()),
        ),
        (
            "gcsFaultToleranceOptions.storage.claimName",
            storage.and_then(|storage| storage.claim_name.as_deref()),
        ),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            name(field, text, report);
        }
    }
}

/// A Service that Ray is asked through.
pub(super) fn service(field: &str, service: &ServiceTemplate, report: &mut Report) {
    let type_ = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    external(&format!("{field}.spec.type"), type_, report);
    let Some(text) = service.metadata.name.as_deref().filter(|text| !text.is_empty()) else {
        return;
    };
    let field = format!("{field}.metadata.name");
    // It comes first: the text is a stranger's, and cut there.
    if let Err(invalid) = ObjectName::new(text) {
        report.add(field, invalid.to_string());
        return;
    }
    let wrong = dns_1035_label(text);
    if !wrong.is_empty() {
        report.add(field, format!("{text} is not a name of a Service: {}", go_list(&wrong)));
    }
}

/// The name of an object that is read.
pub(super) fn name(field: &str, text: &str, report: &mut Report) {
    if let Err(invalid) = ObjectName::new(text) {
        report.add(field, invalid.to_string());
    }
}

fn external(field: &str, type_: Option<&str>, report: &mut Report) {
    if type_ == Some(EXTERNAL_NAME) {
        let message = "the Service must lead to pods of the cluster, and one of type ExternalName leads elsewhere; allowed \
                       are ClusterIP, NodePort and LoadBalancer";
        report.add(field, message);
    }
}
