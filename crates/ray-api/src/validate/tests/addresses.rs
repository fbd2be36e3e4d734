use rstest::rstest;

use super::{check, paths};

const TOKEN: &str = "spec.authOptions: {mode: token, secretName: '?x='}";

#[rstest]
#[case::a_host_for_a_service(
    "spec.headGroupSpec.headService: {metadata: {name: '169.254.169.254/latest/meta-data?x='}}",
    "headGroupSpec.headService.metadata.name"
)]
#[case::a_service_of_another_namespace(
    "spec.headGroupSpec.headService: {metadata: {name: kubernetes.default}}",
    "headGroupSpec.headService.metadata.name"
)]
#[case::a_service_that_begins_with_a_digit(
    "spec.headGroupSpec.headService: {metadata: {name: 1ns}}",
    "headGroupSpec.headService.metadata.name"
)]
#[case::an_external_name(
    "spec.headGroupSpec.headService: {spec: {type: ExternalName, externalName: kubernetes.default.svc.cluster.local}}",
    "headGroupSpec.headService.spec.type"
)]
#[case::an_external_name_by_type("spec.headGroupSpec.serviceType: ExternalName", "headGroupSpec.serviceType")]
#[case::a_list_of_secrets(TOKEN, "authOptions.secretName")]
#[case::a_list_of_accounts(
    "spec.headGroupSpec.template.spec.serviceAccountName: '?watch=true&x='",
    "headGroupSpec.template.spec.serviceAccountName"
)]
#[case::a_list_of_claims(
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, storage: {claimName: '../pods'}}",
    "gcsFaultToleranceOptions.storage.claimName"
)]
fn what_leads_elsewhere_is_refused_with_its_path(#[case] patch: &str, #[case] path: &str) {
    let gates = "GCSFaultToleranceEmbeddedStorage=true";
    assert_eq!(paths("RayCluster", gates, patch), [format!("spec.{path}")]);
    let job = patch.replacen("spec.", "spec.rayClusterSpec.", 1);
    assert_eq!(paths("RayJob", gates, &job), [format!("spec.rayClusterSpec.{path}")]);
}

#[rstest]
#[case(
    "RayJob",
    "spec.clusterSelector: {ray.io/cluster: '?watch=true'}",
    "spec.clusterSelector[ray.io/cluster]"
)]
#[case(
    "RayService",
    "spec.serveService: {spec: {type: ExternalName}}",
    "spec.serveService.spec.type"
)]
#[case(
    "RayService",
    "spec.serveService: {metadata: {name: 'a/b'}}",
    "spec.serveService.metadata.name"
)]
fn other_kinds_have_names_too(#[case] kind: &str, #[case] patch: &str, #[case] path: &str) {
    assert_eq!(paths(kind, "", patch), [path]);
}

#[rstest]
#[case::own_names(
    "spec.headGroupSpec: {headService: {metadata: {name: own-svc}, spec: {type: NodePort}}, serviceType: LoadBalancer}"
)]
#[case::names_with_dots("spec.authOptions: {mode: token, secretName: a.b.c}")]
#[case::empty_means_unset(
    "spec: {headGroupSpec: {headService: {metadata: {name: ''}}, serviceType: ''}, authOptions: {mode: token, secretName: ''}}"
)]
fn names_are_accepted(#[case] patch: &str) {
    check("RayCluster", "", patch).unwrap();
}
