//! A registry that misbehaves, asks for logins or sends elsewhere, played by the test: each answer
//! is told for what it is, nothing wrong is kept, and no password goes where it does not belong.

use dpone_harness::{Answer, Asked, GUIDE, Ran, ScriptedServer, Workspace, components};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const IMAGE_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A component and the registry's manifest of it.
#[derive(Clone)]
struct Artifact {
    component: Vec<u8>,
    manifest: Vec<u8>,
}

impl Artifact {
    fn with(change: impl FnOnce(&mut Value)) -> Self {
        let component = std::fs::read(components::MASK_EMAIL).unwrap();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": format!("sha256:{}", sha256(b"{}")), "size": 2 },
            "layers": [{ "mediaType": "application/wasm", "digest": format!("sha256:{}", sha256(&component)), "size": component.len() }],
        });
        change(&mut manifest);
        Self { component, manifest: manifest.to_string().into_bytes() }
    }

    fn good() -> Self {
        Self::with(|_| ())
    }

    /// The answers of an honest registry.
    fn serve(&self, asked: &Asked) -> Answer {
        let manifest = format!("/v2/team/mask/manifests/sha256:{}", sha256(&self.manifest));
        let blob = format!("/v2/team/mask/blobs/sha256:{}", sha256(&self.component));
        match asked.target.as_str() {
            target if target == manifest => Answer::ok(self.manifest.clone()),
            target if target == blob => Answer::ok(self.component.clone()),
            _ => Answer::status(404),
        }
    }

    fn uses(&self, host: &str) -> String {
        format!("oci://{host}/team/mask@sha256:{}", sha256(&self.manifest))
    }
}

/// A workspace with a cache of its own, which no other test fills.
fn workspace() -> Workspace {
    let mut workspace = Workspace::new();
    let cache = workspace.path().join("cache").display().to_string();
    workspace.set("DPONE_CACHE_DIR", &cache);
    for name in ["DPONE_OCI_USERNAME", "DPONE_OCI_PASSWORD", "DPONE_OCI_REGISTRY", "DPONE_OCI_TOKEN_ORIGIN"] {
        workspace.set(name, "");
    }
    workspace
}

fn inspect(workspace: &Workspace, uses: &str) -> Ran {
    workspace.dpone(&["plugin", "inspect", uses])
}

/// Names in the cache of components.
fn kept(workspace: &Workspace) -> Vec<String> {
    let entries = std::fs::read_dir(workspace.path().join("cache/oci")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn what_was_pulled_once_works_offline_and_damage_is_pulled_anew() {
    let artifact = Artifact::good();
    let served = artifact.clone();
    let server = ScriptedServer::start(move |asked| served.serve(asked));
    let (workspace, uses) = (workspace(), artifact.uses(&server.host()));
    inspect(&workspace, &uses).expect_exit(0);
    assert_eq!(server.asked().len(), 2);
    inspect(&workspace, &uses).expect_exit(0);
    assert_eq!(server.asked().len(), 2, "the second time came from the cache");
    for name in kept(&workspace) {
        workspace.write(&format!("cache/oci/{name}"), "damaged");
        inspect(&workspace, &uses).expect_exit(0);
    }
    assert_eq!(server.asked().len(), 4);
    drop(server);
    inspect(&workspace, &uses).expect_exit(0);
    workspace
        .write("guide.yaml", format!("{GUIDE}\ntransforms:\n  - {{ uses: \"{uses}\", with: {{ field: status }} }}\n"));
    workspace.dpone(&["check", "guide.yaml"]).expect_exit(0);
}

#[test]
fn what_is_served_wrong_is_told_and_not_kept() {
    let layer = |change: fn(&mut Value)| Artifact::with(move |manifest| change(&mut manifest["layers"][0]));
    type Serve = fn(&Artifact, &Asked) -> Answer;
    let honest: Serve = |artifact, asked| artifact.serve(asked);
    let cases: Vec<(Artifact, Serve, &str, &[&str])> = vec![
        (
            Artifact::good(),
            |artifact, asked| match artifact.serve(asked) {
                answer if asked.target.contains("/manifests/") => Answer::ok([answer.body, b" ".to_vec()].concat()),
                answer => answer,
            },
            "DP0342",
            &["manifest of oci://", "has the sha256"],
        ),
        (
            Artifact::good(),
            |artifact, asked| {
                let mut answer = artifact.serve(asked);
                if asked.target.contains("/blobs/") {
                    answer.body[100] ^= 1;
                }
                answer
            },
            "DP0342",
            &["component of oci://", "has the sha256"],
        ),
        (
            Artifact::good(),
            |artifact, asked| match artifact.serve(asked) {
                answer if asked.target.contains("/blobs/") => Answer::ok([answer.body, vec![0; 9]].concat()),
                answer => answer,
            },
            "DP0345",
            &["/blobs/sha256:"],
        ),
        (
            Artifact::with(|m| m["layers"][0]["mediaType"] = IMAGE_LAYER.into()),
            honest,
            "DP0344",
            &[IMAGE_LAYER, "application/wasm"],
        ),
        (
            Artifact::with(|m| m["mediaType"] = "application/vnd.oci.image.index.v1+json".into()),
            honest,
            "DP0344",
            &["index"],
        ),
        (layer(|l| l["size"] = (65_u64 << 20).into()), honest, "DP0345", &["68157440", "67108864"]),
        (layer(|l| l["digest"] = "sha256:../../x".into()), honest, "DP0344", &["is no sha256"]),
        (Artifact::good(), |_, _| Answer::status(404), "DP0341", &["is not in the registry"]),
        (Artifact::good(), |_, _| Answer::status(418), "DP0347", &["418"]),
        (Artifact::good(), |_, _| Answer::status(503), "DP0343", &["503"]),
        (Artifact::good(), |_, _| Answer::status(403), "DP0346", &["403", "DPONE_OCI_USERNAME"]),
        (Artifact::good(), |_, _| Answer::ok("<html>"), "DP0342", &["manifest of"]),
    ];
    for (artifact, serve, code, says) in cases {
        let served = artifact.clone();
        let server = ScriptedServer::start(move |asked| serve(&served, asked));
        let (workspace, uses) = (workspace(), artifact.uses(&server.host()));
        inspect(&workspace, &uses).expect_exit(12).expect_error(&[code]).expect_error(says);
        assert!(!kept(&workspace).iter().any(|name| name.contains(&sha256(&artifact.manifest))), "{code} {says:?}");
    }
    let (workspace, artifact) = (workspace(), Artifact::good());
    let nobody = ScriptedServer::start(|_| Answer::status(200)).host();
    inspect(&workspace, &artifact.uses(&nobody)).expect_exit(12).expect_error(&["DP0343", &nobody]);
    inspect(&workspace, "oci://127.0.0.1:1/team/mask:1.0").expect_exit(12).expect_error(&["DP0340", "no digest"]);
    for uses in ["oci://127.0.0.1:1/team/mask:1.0", "oci://127.0.0.1:1/Team@sha256:12"] {
        workspace.write("guide.yaml", format!("{GUIDE}\ntransforms:\n  - {{ uses: \"{uses}\" }}\n"));
        workspace.dpone(&["check", "guide.yaml"]).expect_exit(10).expect_error(&[
            "DP0106",
            "guide.yaml:",
            "plugin push",
        ]);
    }
}

#[test]
fn logins_and_where_passwords_go() {
    let artifact = Arc::new(Artifact::good());
    let basic = |user: &str| format!("Basic {user}");
    // base64 of `team:hush`.
    let ours = basic("dGVhbTpodXNo");
    let credentials = |workspace: &mut Workspace| {
        workspace.set("DPONE_OCI_USERNAME", "team");
        workspace.set("DPONE_OCI_PASSWORD", "hush");
    };

    // A password where it is asked for.
    let (served, wanted) = (artifact.clone(), ours.clone());
    let server = ScriptedServer::start(move |asked| match asked.header("authorization") {
        Some(found) if found == wanted => served.serve(asked),
        _ => Answer::status(401).header("www-authenticate", "Basic realm=\"registry\""),
    });
    let (mut workspace, uses) = (workspace(), artifact.uses(&server.host()));
    inspect(&workspace, &uses).expect_exit(12).expect_error(&["DP0346", "DPONE_OCI_USERNAME"]);
    credentials(&mut workspace);
    workspace.set("DPONE_OCI_REGISTRY", "registry.example");
    inspect(&workspace, &uses).expect_exit(12).expect_error(&["DP0346"]);
    assert!(server.asked().iter().all(|asked| asked.header("authorization").is_none()), "another registry's password");
    workspace.set("DPONE_OCI_REGISTRY", &server.host());
    inspect(&workspace, &uses).expect_exit(0);

    // A token of the registry's own service, and of another origin only where it is named.
    let wanted = ours.clone();
    let tokens = Arc::new(ScriptedServer::start(move |asked| match asked.header("authorization") {
        Some(found) if found == wanted => Answer::ok(r#"{"token":"t0ken"}"#),
        _ => Answer::status(401),
    }));
    let (served, elsewhere) = (artifact.clone(), tokens.host());
    let server = ScriptedServer::start(move |asked| match asked.header("authorization") {
        Some("Bearer t0ken") => served.serve(asked),
        _ => {
            let challenge =
                format!("Bearer realm=\"http://{elsewhere}/token\",service=\"r\",scope=\"repository:team/mask:pull\"");
            Answer::status(401).header("www-authenticate", challenge)
        }
    });
    let mut workspace = self::workspace();
    credentials(&mut workspace);
    let uses = artifact.uses(&server.host());
    let named = format!("DPONE_OCI_TOKEN_ORIGIN=http://{}", tokens.host());
    inspect(&workspace, &uses).expect_exit(12).expect_error(&["DP0346", "password", &named]);
    assert!(tokens.asked().is_empty(), "nothing was sent there");
    workspace.set("DPONE_OCI_TOKEN_ORIGIN", &format!("http://{}", tokens.host()));
    let ran = inspect(&workspace, &uses);
    ran.expect_exit(0);
    assert_eq!(tokens.asked()[0].target, "/token?service=r&scope=repository%3Ateam%2Fmask%3Apull");
    workspace.set("DPONE_OCI_PASSWORD", "other");
    std::fs::remove_dir_all(workspace.path().join("cache/oci")).unwrap();
    let ran = inspect(&workspace, &uses);
    ran.expect_exit(12).expect_error(&["DP0346", "401"]);
    assert!(!ran.stderr.contains("other\"") && !ran.stderr.contains("b3RoZXI"), "{}", ran.stderr);
}

#[test]
fn redirects_and_uploads_go_where_they_may() {
    let elsewhere = ScriptedServer::start(|_| Answer::ok("anything"));
    let artifact = Artifact::good();
    let (served, target) = (artifact.clone(), format!("http://{}/blob", elsewhere.host()));
    let server = ScriptedServer::start(move |asked| match asked.target.contains("/blobs/") {
        true => Answer::status(307).header("location", target.clone()),
        false => served.serve(asked),
    });
    let workspace = workspace();
    let refused = inspect(&workspace, &artifact.uses(&server.host()));
    refused.expect_exit(12).expect_error(&["DP0347", &elsewhere.host(), "not https"]);
    assert!(elsewhere.asked().is_empty());

    // An upload is sent to the registry alone, whatever it answers.
    let target = format!("http://{}/upload", elsewhere.host());
    let server = ScriptedServer::start(move |asked| match asked.method.as_str() {
        "HEAD" => Answer::status(404),
        _ => Answer::status(202).header("location", target.clone()),
    });
    std::fs::copy(components::MASK_EMAIL, workspace.path().join("mask.wasm")).unwrap();
    let to = format!("oci://{}/team/mask:1", server.host());
    workspace.dpone(&["plugin", "push", "mask.wasm", &to]).expect_exit(12).expect_error(&["DP0347", &elsewhere.host()]);
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_push_that_breaks_off_shows_nothing() {
    let server = ScriptedServer::start(|asked| match asked.method.as_str() {
        "HEAD" => Answer::status(404),
        "POST" => Answer::status(202).header("location", "/v2/team/mask/blobs/uploads/1?state=a%2Fb"),
        _ if asked.body.len() > 1000 => Answer::status(413),
        _ => Answer::status(201),
    });
    let workspace = workspace();
    std::fs::copy(components::MASK_EMAIL, workspace.path().join("mask.wasm")).unwrap();
    let to = format!("oci://{}/team/mask:1", server.host());
    workspace.dpone(&["plugin", "push", "mask.wasm", &to]).expect_exit(12).expect_error(&["DP0347", "413"]);
    let asked = server.asked();
    assert!(!asked.iter().any(|asked| asked.target.contains("/manifests/")), "no manifest without its blobs");
    let put = asked.iter().find(|asked| asked.method == "PUT").unwrap();
    assert!(put.target.contains("?state=a%2Fb&digest=sha256"), "{}", put.target);
}
