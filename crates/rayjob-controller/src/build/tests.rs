//! Whole objects from manifests as users write them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::switches::Switches;
use ray_api::v1::{RayCluster, RayJob};
use ray_dashboard::address::{NoAddress, dashboard_address};
use rstest::rstest;

use super::submit_command::SubmitCommand;
use super::submitter_job::Submission;
use super::{head_service, ray_cluster, submitter_job};
use crate::fixtures::{everything, sample};

fn cluster_of(job: &RayJob) -> RayCluster {
    let name = format!("{}-abcde", job.metadata.name.as_deref().unwrap());
    ray_cluster::build(job, &name, job.spec.ray_cluster_spec.as_ref().unwrap())
}

fn submitter_of(job: &RayJob, cluster: &RayCluster, switches: &Switches) -> k8s_openapi::api::batch::v1::Job {
    let dashboard = dashboard_address(cluster, switches).unwrap();
    let id = job.spec.job_id.clone().unwrap_or_else(|| "rayjob-sample-x7k2p".into());
    let submission = Submission {
        cluster,
        dashboard: dashboard.as_str(),
        id: &id,
        switches,
    };
    submitter_job::build(job, submission).unwrap()
}

fn script(job: &RayJob) -> String {
    let command = SubmitCommand {
        dashboard: "head:8265",
        submission_id: "id",
        spec: &job.spec,
    };
    command.script().unwrap()
}

#[test]
fn the_sample_makes_these_children() {
    let job = sample();
    let cluster = cluster_of(&job);
    let switches = Switches::default();
    insta::assert_yaml_snapshot!("sample-cluster", cluster);
    insta::assert_yaml_snapshot!("sample-submitter", submitter_of(&job, &cluster, &switches));
    insta::assert_yaml_snapshot!("sample-head-service", head_service::build(&job, &cluster, &switches));
}

#[test]
fn a_job_with_everything_makes_these_children() {
    let job = everything();
    let cluster = cluster_of(&job);
    let switches = Switches {
        login_shell: true,
        head_cluster_ip_service: true,
        ..Switches::default()
    };
    insta::assert_yaml_snapshot!("everything-submitter", submitter_of(&job, &cluster, &switches));
    insta::assert_yaml_snapshot!(
        "everything-head-service",
        head_service::build(&job, &cluster, &switches)
    );
}

#[test]
fn a_users_command_is_kept_with_its_arguments() {
    let mut job = everything();
    let container = &mut job
        .spec
        .submitter_pod_template
        .as_mut()
        .unwrap()
        .spec
        .as_mut()
        .unwrap()
        .containers[0];
    container.command = Some(vec!["/submitter".into()]);
    let cluster = cluster_of(&job);
    let built = submitter_of(&job, &cluster, &Switches::default());
    let container = &built.spec.unwrap().template.spec.unwrap().containers[0];
    assert_eq!(container.command.as_deref(), Some(&["/submitter".to_owned()][..]));
    assert_eq!(container.args.as_deref(), Some(&["overwritten".to_owned()][..]));
    let names: Vec<_> = container
        .env
        .iter()
        .flatten()
        .map(|variable| variable.name.as_str())
        .collect();
    let want =
        "PYTHONUNBUFFERED PYTHONUNBUFFERED RAY_DASHBOARD_ADDRESS RAY_JOB_SUBMISSION_ID RAY_AUTH_MODE RAY_AUTH_TOKEN";
    assert_eq!(names.join(" "), want);
}

#[test]
fn the_script_is_kuberays() {
    let mut job = sample();
    job.spec.runtime_env_yaml = None;
    assert_eq!(
        script(&job),
        "until python -c \"import urllib.request; \
         r=urllib.request.urlopen('http://head:8265/api/gcs_healthz', timeout=10); \
         exit(0 if b'success' in r.read() else 1)\" >/dev/null 2>&1 ; do \
         echo \"Waiting for Ray Dashboard GCS to become healthy at http://head:8265 ...\" ; sleep 2 ; done ; \
         if ! ray job status --address http://head:8265 id >/dev/null 2>&1 ; then \
         ray job submit --address http://head:8265 --no-wait --submission-id id -- \
         python /home/ray/samples/sample_code.py ; fi ; \
         ray job logs --address http://head:8265 --follow id"
    );
}

#[rstest]
#[case::entrypoint_is_trimmed(&|job: &mut RayJob| job.spec.entrypoint = Some("\n python a.py --b=1,2  x@y:z\n".into()),
    "--submission-id id -- python a.py --b=1,2  x@y:z ; fi")]
#[case::no_entrypoint_leaves_two_spaces(&|job: &mut RayJob| job.spec.entrypoint = None,
    "--submission-id id --  ; fi")]
#[case::numbers_have_six_decimals(&|job: &mut RayJob| job.spec.entrypoint_num_cpus = Some(0.1),
    "--submission-id id --entrypoint-num-cpus 0.100000 -- python")]
#[case::zero_is_unset(&|job: &mut RayJob| job.spec.entrypoint_num_gpus = Some(0.0),
    "--submission-id id -- python")]
#[case::resources_are_quoted_as_they_are(&|job: &mut RayJob| job.spec.entrypoint_resources = Some("{\"a\": 1}".into()),
    r#"--submission-id id --entrypoint-resources "{\"a\": 1}" -- python"#)]
#[case::metadata_is_sorted_json(&|job: &mut RayJob| {
        job.spec.metadata = Some([("b".into(), "<x>".into()), ("a".into(), "1".into())].into());
    },
    r#"--no-wait --metadata-json "{\"a\":\"1\",\"b\":\"\\u003cx\\u003e\"}" --submission-id id -- python"#)]
#[case::yaml_is_read_as_go_reads_it(&|job: &mut RayJob| job.spec.runtime_env_yaml = Some("{b: on, a: [1, 2.0, x]}".into()),
    r#"--no-wait --runtime-env-json "{\"a\":[1,2,\"x\"],\"b\":true}" --submission-id id -- python"#)]
fn flags_follow_the_spec(#[case] change: &dyn Fn(&mut RayJob), #[case] want: &str) {
    let mut job = sample();
    job.spec.runtime_env_yaml = None;
    change(&mut job);
    assert!(script(&job).contains(want), "{}", script(&job));
}

#[test]
fn an_address_with_a_scheme_keeps_it() {
    let job = sample();
    let command = SubmitCommand {
        dashboard: "http://head:1",
        submission_id: "id",
        spec: &job.spec,
    };
    assert!(command.script().unwrap().contains("--address http://head:1 "));
}

#[test]
fn a_head_without_a_dashboard_port_has_no_address() {
    let mut job = sample();
    let head = &mut job.spec.ray_cluster_spec.as_mut().unwrap().head_group_spec.template;
    let container = &mut head.spec.as_mut().unwrap().containers[0];
    container
        .ports
        .as_mut()
        .unwrap()
        .retain(|port| port.name.as_deref() != Some("dashboard"));
    assert_eq!(
        dashboard_address(&cluster_of(&job), &Switches::default()),
        Err(NoAddress::NoPort)
    );
}

#[test]
fn a_cluster_without_ports_has_the_default_address() {
    let mut cluster = cluster_of(&sample());
    cluster.metadata = ObjectMeta {
        name: Some("shared".into()),
        namespace: Some("ns".into()),
        ..ObjectMeta::default()
    };
    let container = &mut cluster.spec.head_group_spec.template.spec.as_mut().unwrap().containers[0];
    container.ports = None;
    let switches = Switches {
        cluster_domain: "corp".into(),
        ..Switches::default()
    };
    let address = dashboard_address(&cluster, &switches);
    assert_eq!(address.unwrap().as_str(), "shared-head-svc.ns.svc.corp:8265");
    let flags = &mut cluster.spec.head_group_spec.ray_start_params;
    *flags = Some([("dashboard-port".to_owned(), "8266".to_owned())].into());
    let address = dashboard_address(&cluster, &switches);
    assert_eq!(address.unwrap().as_str(), "shared-head-svc.ns.svc.corp:8266");
}

#[test]
fn a_name_that_leads_elsewhere_is_no_address() {
    for name in [
        "169.254.169.254/latest/meta-data?x=",
        "kubernetes.default",
        "a@b",
        "a:80",
    ] {
        let mut cluster = cluster_of(&sample());
        let service = cluster.spec.head_group_spec.head_service.get_or_insert_default();
        service.metadata.name = Some(name.into());
        let address = dashboard_address(&cluster, &Switches::default());
        assert!(matches!(address, Err(NoAddress::Invalid(_))), "{name}: {address:?}");
    }
}
