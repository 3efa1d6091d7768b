//! What keeps an S3 store from being a cache. The check `s3/store` says what it is; here
//! stand the changes that mend it.

use crate::remedy::{export, remedy, shell};
use crate::rule::{Fold, Rule, Told};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Layer, Remediation, Risk};

/// A rule on one finding of the check, which is its own cause.
macro_rules! on {
    ($code:literal, $layer:ident, $title:literal, $explain:literal, $remedy:literal, $tell:ident) => {
        Rule {
            code: $code,
            title: $title,
            explain: $explain,
            remedy: $remedy,
            proof: "s3.store",
            layer: Layer::$layer,
            explains_from: Layer::$layer,
            matches: |_, symptom| (symptom.code() == $code).then_some(symptom.finding.confidence),
            fold: Fold::Target,
            also: tier,
            tell: $tell,
        }
    };
}

pub(super) const RULES: &[Rule] = &[
    on!(
        "s3.credentials-missing",
        Identity,
        "The store wants credentials, and none are set",
        "The bucket was asked anonymously and refused. In GitHub Actions a secret reaches a step only where the workflow passes it, and \
         never a pull request from a fork.",
        "Pass AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to the step and into the container.",
        credentials
    ),
    on!(
        "s3.credentials-incomplete",
        Identity,
        "Only one half of the store's credentials is set",
        "One of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY arrived and the other did not: a secret of another name, or one that is not \
         passed into the container.",
        "Pass both of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to the step and into the container.",
        credentials
    ),
    on!(
        "s3.credentials-whitespace",
        Identity,
        "The store's credentials were pasted with a line break",
        "A secret begins or ends with a blank or a line break. It becomes part of the key of every signature, so the store refuses all \
         of them as wrong.",
        "Set the secret anew without the line break, for instance with printf instead of echo.",
        whitespace
    ),
    on!(
        "s3.unknown-key",
        Identity,
        "The access key is not one of this store",
        "The store does not know the access key id: it was removed, is of another store or account, or is a temporary one that needs its \
         session token. A known key with a wrong secret is another cause.",
        "Look the key up where it was made, and set all variables from that one source.",
        keys
    ),
    on!(
        "s3.wrong-secret",
        Identity,
        "The secret access key is not that of the access key",
        "The store knows the access key id, and the signature was made with another secret than its own. The clock and the region were \
         accepted, so it is neither of these.",
        "Set AWS_SECRET_ACCESS_KEY anew; a secret that is lost cannot be looked up, so make a new pair.",
        keys
    ),
    on!(
        "s3.expired-token",
        Identity,
        "The temporary credentials have expired",
        "The session token was valid and is no longer: roles are assumed for an hour unless more is asked for, and a job that waits in a \
         queue or runs long outlives them.",
        "Assume the role right before the step that needs it, and for as long as the job runs.",
        token
    ),
    on!(
        "s3.invalid-token",
        Identity,
        "The session token is not that of the access key",
        "Key, secret and session token are from different sets: often a permanent key in the environment, with a session token left over \
         from another step.",
        "Set all three variables from one set of credentials, or unset AWS_SESSION_TOKEN for a permanent key.",
        token
    ),
    on!(
        "s3.wrong-region",
        Config,
        "Requests are signed for another region than the bucket's",
        "A signature holds for one region, and the store names another one as the bucket's. Nothing is wrong with credentials or network.",
        "Set AWS_REGION to the region that the store names, for the cache alone where other steps need another one.",
        region
    ),
    on!(
        "s3.redirected",
        Config,
        "The bucket is to be asked for at another endpoint",
        "The store answers with a redirection. It is not followed: the signature holds for the host that was asked, and credentials go \
         only where the policy lets them.",
        "Set CACHE_S3_ENDPOINT to the endpoint that the store names, after a look whether it is yours.",
        redirected
    ),
    on!(
        "s3.no-bucket",
        Config,
        "The bucket does not exist",
        "The store was reached and took the credentials, and says that there is no such bucket. A cache that took this for a miss would be \
         empty for ever.",
        "Correct CACHE_S3_BUCKET, or create the bucket in the region that the cache uses.",
        bucket
    ),
    on!(
        "s3.denied",
        Identity,
        "The credentials lack a permission",
        "Each permission was tried by itself, on an object that is not there. Without s3:ListBucket a store answers 403 instead of 404 for \
         what is not there, so no miss can be told from a denial.",
        "Grant what is missing on the cache's prefix only, or take put and remove away from runners that only read.",
        policy
    ),
    on!(
        "s3.clock-skew",
        Process,
        "This machine's clock is wrong",
        "A signature is made for a moment, and stores refuse those that are more than 15 minutes off. The machines of WSL2 and Docker \
         Desktop stop their clocks while the computer sleeps.",
        "Set the clock, and let NTP keep it; containers have the clock of their host.",
        clock
    ),
    on!(
        "s3.virtual-host",
        Config,
        "The store has no host names for its buckets",
        "The bucket was asked for in the host name, which does not exist or is not in the certificate. The same store answered with the \
         bucket in the path.",
        "Set addressing = \"path\" for the tier and for the check.",
        path_style
    ),
    on!(
        "s3.not-s3",
        Config,
        "The endpoint is none of an S3 API",
        "Something answers HTTP there that is no S3: MinIO's console instead of its API, a reverse proxy, a log-in page.",
        "Point CACHE_S3_ENDPOINT at the API's port; MinIO's API is at 9000 and its console at 9001.",
        not_s3
    ),
    on!(
        "s3.proxy",
        Tls,
        "A proxy stands between the runner and the store",
        "The request was sent to the proxy that the environment names, and that is where it ended. HTTP_PROXY catches loopback and \
         private addresses too, unless NO_PROXY names them.",
        "Name the store's host in NO_PROXY, or give the proxy what it wants.",
        proxy
    ),
    on!(
        "s3.tls",
        Tls,
        "The store's certificate is not trusted here",
        "The machine was reached and the TLS handshake failed. Where the authority is a company's own, this machine does not know it; where \
         the name differs, the endpoint was written with another one; plain HTTP on the port looks like a corrupt record.",
        "Trust the authority that issued it, or write the endpoint as the certificate has it.",
        tls
    ),
    on!(
        "s3.metadata-lost",
        Cache,
        "The store does not keep metadata",
        "Objects come back without their x-amz-meta headers, in which the cache keeps the life and the SHA-256 of its values.",
        "Switch it on at the store, or use another one; for JuiceFS it is the option --object-meta.",
        metadata
    ),
];

/// The tier that is this store.
fn tier(symptom: &Symptom<'_>) -> bool {
    symptom.code() == "cache.open-failed" && symptom.detail("adapter") == Some("s3")
}

/// What the findings say, with these remedies.
fn told(symptoms: &[&Symptom<'_>], remediations: Vec<Remediation>) -> Told {
    let mut lines: Vec<&str> = symptoms.iter().map(|symptom| symptom.finding.message.as_str()).collect();
    lines.dedup();
    Told { message: lines.join("\n"), remediations }
}

fn proof(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> String {
    scene.proof("s3/store", symptoms[0])
}

fn credentials(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let pass = remedy("pass-credentials", "Pass both variables to the step", "A secret reaches only the steps that name it.")
        .write(
            "In the workflow.",
            ".github/workflows/ci.yml",
            "env:\n  AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}\n  AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}",
        );
    let pass = if scene.site.in_container == Some(true) {
        pass.run("Add to your docker run.", "-e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_SESSION_TOKEN")
    } else {
        pass
    };
    let without = remedy(
        "leave-out-tier",
        "Or leave the tier out where there are no credentials",
        "Pull requests from forks get no secrets; the other tiers work without this one.",
    )
    .run("Use the others.", "export CACHE_BACKENDS=p2p");
    let proof = proof(scene, symptoms);
    told(symptoms, vec![pass.proved_by(&proof), without.proved_by(proof)])
}

fn whitespace(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let variable = shell(symptoms[0].subject());
    let again =
        remedy("set-secret-again", "Set the secret again, without the line break", "printf adds none, echo does.")
            .run("From a shell that has it in SECRET.", format!("printf %s \"$SECRET\" | gh secret set {variable}"))
            .proved_by(proof(scene, symptoms));
    told(symptoms, vec![again])
}

fn keys(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let again = remedy("set-keys-again", "Set both halves from one source", "They belong together.")
        .run("From a shell that has them.", "printf %s \"$KEY_ID\" | gh secret set AWS_ACCESS_KEY_ID && printf %s \"$SECRET\" | gh secret set AWS_SECRET_ACCESS_KEY")
        .step("Temporary keys (ASIA...) need AWS_SESSION_TOKEN from the same answer.");
    let new = remedy("make-keys", "Or make a new pair", "A secret that is lost cannot be looked up.")
        .run("At AWS, for the cache's own user.", "aws iam create-access-key --user-name ci-cache")
        .run("At MinIO.", "mc admin user svcacct add ALIAS USER")
        .cost("The old pair stays valid until it is removed.")
        .risk(Risk::Security);
    let proof = proof(scene, symptoms);
    told(symptoms, vec![again.proved_by(&proof), new.proved_by(proof)])
}

fn token(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let assume = remedy("assume-role", "Assume the role right before it is needed", "Then the token is new, and lives long enough.")
        .write(
            "In the workflow, before the step.",
            ".github/workflows/ci.yml",
            "- uses: aws-actions/configure-aws-credentials@v4\n  with:\n    role-to-assume: ROLE_ARN\n    aws-region: REGION\n    role-duration-seconds: 7200",
        );
    let permanent = remedy("unset-token", "Or unset a token that is left over", "A permanent key has none.")
        .run("For this job.", "unset AWS_SESSION_TOKEN");
    let proof = proof(scene, symptoms);
    told(symptoms, vec![assume.proved_by(&proof), permanent.proved_by(proof)])
}

fn region(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let right = symptoms[0].detail("region").filter(|region| Some(*region) != symptoms[0].detail("signed-for"));
    let set = match right {
        Some(region) => remedy("set-region", format!("Sign for {region}"), "It is the region that the store names.")
            .run("For everything in this job.", export("AWS_REGION", region))
            .run("Or for the cache alone.", export("AWS_S3_REGION", region)),
        None => remedy("set-region", "Set the store's region", "The store does not say which it is.")
            .run("Look it up.", "aws s3api get-bucket-location --bucket BUCKET")
            .step("Garage's is `s3_region` of its garage.toml, MinIO's MINIO_SITE_REGION."),
    };
    told(symptoms, vec![set.proved_by(proof(scene, symptoms))])
}

fn redirected(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let set = remedy("set-endpoint", "Ask at the endpoint that the store names", "A signature holds for one host.");
    let set = match symptoms[0].detail("endpoint") {
        Some(endpoint) => set
            .step("Look whether this host is yours: credentials are sent there.")
            .run("Set it.", export("CACHE_S3_ENDPOINT", &format!("https://{endpoint}"))),
        None => set.step("The store does not say where; look at its console for the bucket's endpoint."),
    };
    told(symptoms, vec![set.proved_by(proof(scene, symptoms))])
}

fn bucket(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let (symptom, proof) = (symptoms[0], proof(scene, symptoms));
    let name = symptom.detail("bucket").unwrap_or("BUCKET");
    let correct = remedy("correct-bucket", "Correct the name", "The store knows no bucket of this one.")
        .run("See which there are.", format!("aws s3 ls --endpoint-url {}", shell(symptom.subject())))
        .run("Set it.", "export CACHE_S3_BUCKET=NAME")
        .proved_by(&proof);
    let create =
        remedy("create-bucket", "Or create it", "With the credentials of an administrator, not of the runner.")
            .run(
                "At any store.",
                format!("aws s3 mb {} --endpoint-url {}", shell(&format!("s3://{name}")), shell(symptom.subject())),
            )
            .cost("At AWS the name is taken for everybody, and storage costs money.")
            .proved_by(proof);
    told(symptoms, vec![correct, create])
}

/// The smallest policy that a cache needs, for the permissions that are missing.
fn policy(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let proof = proof(scene, symptoms);
    let bucket = symptoms[0].detail("bucket").unwrap_or("BUCKET");
    let mut objects: Vec<&str> = symptoms.iter().filter_map(|symptom| symptom.detail("permission")).collect();
    objects.sort_unstable();
    objects.dedup();
    let lists = objects.contains(&"s3:ListBucket");
    objects.retain(|permission| *permission != "s3:ListBucket");
    let mut statements = Vec::new();
    if lists || objects.is_empty() {
        statements.push(format!(
            "    {{ \"Effect\": \"Allow\", \"Action\": [\"s3:ListBucket\"], \"Resource\": \"arn:aws:s3:::{bucket}\" }}"
        ));
    }
    if !objects.is_empty() {
        let actions: Vec<String> = objects.iter().map(|permission| format!("\"{permission}\"")).collect();
        statements.push(format!(
            "    {{ \"Effect\": \"Allow\", \"Action\": [{}], \"Resource\": \"arn:aws:s3:::{bucket}/seaworthy/*\" }}",
            actions.join(", ")
        ));
    }
    let text = format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}", statements.join(",\n"));
    let grant = remedy(
        "grant-permission",
        "Grant what is missing, on the cache's prefix only",
        "Nothing else of the bucket is touched.",
    )
    .write("Add to the policy of the runner's user or role.", "cache-policy.json", text)
    .run(
        "At AWS.",
        "aws iam put-user-policy --user-name ci-cache --policy-name cache --policy-document file://cache-policy.json",
    )
    .risk(Risk::Security)
    .proved_by(&proof);
    let writes = objects.iter().all(|permission| matches!(*permission, "s3:PutObject" | "s3:DeleteObject"));
    let mut remediations = vec![grant];
    if !lists && writes && !objects.is_empty() {
        let reader =
            remedy("read-only", "Or say that this runner only reads", "The tier then serves, and stores nothing.")
                .write(
                    "In checks.toml, for the tier.",
                    "checks.toml",
                    "[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\nwith = { read-only = true }",
                )
                .write("And for the check.", "checks.toml", "with = { need = [\"list\", \"read\"] }")
                .cost("Somebody else has to store what this runner needs.")
                .proved_by(&proof);
        remediations.insert(0, reader);
    }
    told(symptoms, remediations)
}

fn clock(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let set = remedy("set-clock", "Set the clock, and let it be kept", "A container has the clock of its host.")
        .run("On the host: see how far it is off.", "timedatectl timesync-status || chronyc tracking")
        .run("Set it from the hardware's clock.", "sudo hwclock -s")
        .run("And let NTP keep it.", "sudo timedatectl set-ntp true")
        .risk(Risk::Config);
    let desktop = remedy(
        "restart-machine",
        "On WSL2 or Docker Desktop, start its machine again",
        "Its clock stops while the computer sleeps.",
    )
    .run("WSL2, on Windows.", "wsl --shutdown")
    .step("Docker Desktop: Restart in its menu.")
    .cost("Everything that runs in it ends.");
    let proof = proof(scene, symptoms);
    told(symptoms, vec![set.proved_by(&proof), desktop.proved_by(proof)])
}

fn path_style(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let set = remedy(
        "path-addressing",
        "Put the bucket into the path",
        "The store understands that, and needs no names for it.",
    )
    .write(
        "In checks.toml, for the tier.",
        "checks.toml",
        "[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\nwith = { addressing = \"path\" }",
    )
    .write("And for the check.", "checks.toml", "with = { addressing = \"path\" }")
    .proved_by(proof(scene, symptoms));
    told(symptoms, vec![set])
}

fn not_s3(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let set = remedy("set-endpoint", "Point at the API", "What answers now is a page for people.")
        .run("See what answers.", format!("curl -sSi {} | head -n 20", shell(symptoms[0].subject())))
        .run("MinIO's API has port 9000, Garage's 3900.", "export CACHE_S3_ENDPOINT=http://HOST:9000")
        .proved_by(proof(scene, symptoms));
    told(symptoms, vec![set])
}

fn proxy(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let host = symptoms[0].place.as_ref().map_or("HOST", |place| place.host.as_str());
    let direct = remedy("reach-directly", "Reach the store without the proxy", "It stands on this side of it.")
        .run("Name the host.", format!("export NO_PROXY={},$NO_PROXY", shell(host)))
        .proved_by(proof(scene, symptoms));
    told(symptoms, vec![direct])
}

fn tls(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let trust = remedy(
        "trust-authority",
        "Trust the authority that issued the certificate",
        "Only it can say that this is the store.",
    )
    .step("Get its certificate from whoever runs the store, not from the connection itself.")
    .run(
        "Together with those that are trusted already.",
        "cat /etc/ssl/certs/ca-certificates.crt ca.pem > bundle.pem && export SSL_CERT_FILE=$PWD/bundle.pem",
    )
    .risk(Risk::Security)
    .cost("Whoever has that authority can stand in for any host.");
    let name = remedy(
        "correct-endpoint",
        "Or write the endpoint as the certificate has it",
        "A name that is not in it is not trusted.",
    )
    .run("Set it.", "export CACHE_S3_ENDPOINT=https://NAME");
    let proof = proof(scene, symptoms);
    told(symptoms, vec![name.proved_by(&proof), trust.proved_by(proof)])
}

fn metadata(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let keep = remedy("keep-metadata", "Let the store keep metadata", "Life and SHA-256 of the values are kept there.")
        .run("JuiceFS's gateway, on its machine.", "juicefs gateway --object-meta META ADDRESS")
        .step("A proxy before the store must pass x-amz-meta headers both ways.")
        .proved_by(proof(scene, symptoms));
    told(symptoms, vec![keep])
}
