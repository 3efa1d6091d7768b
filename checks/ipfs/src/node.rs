use crate::asking::{Answer, Asking, Seen, send};
use crate::judging::{Door, Room, WATERMARK, door, is_open, room};
use crate::{Run, codes, facts, schemes, secret};
use ipfs_client::{
    Address, Call, FileStat, Listed, Peers, Refusal, RepoStat, Request, Setting, Version, VersionInfo, gateway,
};
use seaworthy_check_sdk::{Context, ContextExt, Evidence, Failure, ObservationId, millis};

/// A name below the cache's folder that is never given: keys have a comma.
const NOTHING: &str = "seaworthy-looks-whether-it-may-remove";

impl Run {
    /// Looks at the node.
    pub(crate) fn node(&mut self, context: &Context, address: Address) -> Result<(), String> {
        let mut asking = Asking { address, timeout: self.timeout, credential: None };
        let Some(version) = self.knock(context, &mut asking)? else { return Ok(()) };
        if let Some(too_old) = Version::parse(&version.version).filter(|version| *version < Version::LEAST) {
            let finding = codes::IPFS_TOO_OLD
                .at(&self.target)
                .message(format!("the node runs Kubo {too_old}"))
                .observed(&version.version)
                .expected(format!("{} or newer", Version::LEAST));
            let id = *self.ids.last().ok_or("nothing was observed")?;
            self.findings.add(finding.cite(id));
            // What it does not know yet would look like further faults.
            return Ok(());
        }
        self.parts.push(format!("Kubo {} answers", version.version));
        self.look(context, &asking)?;
        self.network(context, &asking)
    }

    /// Asks for the version, with each scheme until one is taken.
    fn knock(&mut self, context: &Context, asking: &mut Asking) -> Result<Option<VersionInfo>, String> {
        let credential = secret(context, "authorization");
        let mut ways: Vec<Option<crate::Scheme>> = schemes(context).iter().copied().map(Some).collect();
        match &credential {
            Some((id, _)) => self.ids.push(*id),
            None => ways = vec![None],
        }
        let mut last = None;
        for way in ways {
            asking.credential = way.and_then(|scheme| Some((credential.as_ref()?.1.clone(), scheme)));
            let seen = asking.one(Call::version())?;
            self.ids.push(seen.id);
            let answer = seen.read(|reply| reply.json::<VersionInfo>());
            if let Answer::Told(version) = answer {
                let evidence = Evidence::one(seen.id);
                self.findings.fact(facts::LATENCY_MS, millis(seen.elapsed), &evidence);
                self.findings.fact(facts::VERSION, &version.version, &evidence);
                self.findings.fact(facts::ACCESS, way.map_or("anonymous", crate::Scheme::as_str), &evidence);
                return Ok(Some(version));
            }
            let shut = matches!(&answer, Answer::Refused(refusal) if door(refusal) == Door::Shut);
            last = Some((seen.id, answer));
            if !shut {
                break;
            }
        }
        if let Some((id, answer)) = last {
            match answer {
                Answer::Failed(failure) => self.unreached(id, &failure),
                Answer::Refused(refusal) => self.refused(id, &refusal, credential.is_some(), asking)?,
                Answer::Told(_) => {}
            }
        }
        Ok(None)
    }

    fn unreached(&mut self, id: ObservationId, failure: &Failure) {
        if matches!(failure.kind.as_str(), "denied" | "cancelled" | "exhausted" | "invalid") {
            self.unknown = Some(format!("the node could not be asked: {}", failure.message));
            return;
        }
        self.refused = failure.kind == "connection-refused";
        let finding = codes::IPFS_UNREACHABLE
            .at(&self.target)
            .message(format!("the node at {} does not answer: {}", self.target, failure.message))
            .observed(&failure.message)
            .detail("kind", &failure.kind)
            .detail("stage", &failure.stage)
            .detail("in-container", self.in_container.to_string());
        self.findings.add(finding.cite(id));
    }

    fn refused(&mut self, id: ObservationId, refusal: &Refusal, sent: bool, asking: &Asking) -> Result<(), String> {
        let target = self.target.clone();
        let finding = match door(refusal) {
            Door::Shut => codes::IPFS_UNAUTHENTICATED
                .at(&target)
                .message(if sent {
                    "the node refuses the credential that was sent"
                } else {
                    "the node wants a credential, and none is set"
                })
                .observed(refusal.to_string())
                .detail("sent", sent.to_string()),
            Door::Forged => codes::IPFS_FORGED.at(&target).message(refusal.to_string()),
            Door::NotRpc => {
                let (who, more) = self.who(asking)?;
                let what = if who == "gateway" {
                    "an IPFS gateway answers there, not an RPC"
                } else {
                    "no Kubo RPC answers there"
                };
                let finding =
                    codes::IPFS_NOT_RPC.at(&target).message(what).observed(refusal.to_string()).detail("who", who);
                self.findings.add(finding.cite(id).and(more));
                return Ok(());
            }
            Door::Failed => {
                codes::IPFS_RPC_FAILED.at(&target).message(refusal.to_string()).detail("command", "version")
            }
        };
        self.findings.add(finding.cite(id));
        Ok(())
    }

    /// Whether what answers is a gateway: it serves the empty block.
    fn who(&mut self, asking: &Asking) -> Result<(&'static str, ObservationId), String> {
        let request = Request {
            url: asking.address.url(&format!("/ipfs/{}?format=raw", gateway::PROBE)),
            content_type: None,
            body: Vec::new(),
        };
        let seen = send(request, "GET", self.timeout, Some(gateway::ACCEPT), None)?;
        self.ids.push(seen.id);
        let is_gateway = seen.response().is_ok_and(|response| response.status == 200 && response.body.is_empty());
        Ok((if is_gateway { "gateway" } else { "other" }, seen.id))
    }

    /// Everything else, in one round.
    fn look(&mut self, context: &Context, asking: &Asking) -> Result<(), String> {
        let mfs = context.setting("index") != Some("directory");
        let folder = context.setting("folder").unwrap_or("/seaworthy").trim_end_matches('/').to_owned();
        let seen = asking.all(vec![
            Call::repo_stat(),
            Call::config("Datastore.StorageGCWatermark"),
            Call::config("Addresses.API"),
            Call::swarm_peers(),
            Call::only_hash(b"seaworthy"),
            Call::files_stat("/"),
            Call::files_ls(&folder),
            Call::files_rm(&format!("{folder}/{NOTHING}")),
            Call::cat(&ipfs_client::content::raw(b"").ok_or("no CID")?, 0, 1, true),
        ]);
        let [repo, watermark, api, peers, add, root, list, remove, cat] =
            <[Seen; 9]>::try_from(seen).map_err(|_| "the host answered less than it was asked")?;
        self.ids.extend([&repo, &watermark, &api, &peers, &add, &root, &list, &remove, &cat].map(|seen| seen.id));

        self.repository(&repo, &watermark);
        self.exposed(asking, &api);
        self.company(context, &peers);
        self.block = root.read(|reply| reply.json::<FileStat>()).told().map(|stat| stat.hash);
        let mut commands = vec![("read", "cat", &cat), ("write", "add", &add)];
        if mfs {
            commands.extend([("read", "files/ls", &list), ("write", "files/rm", &remove)]);
            self.folder(&folder, &list);
        }
        self.permissions(context, &commands);
        Ok(())
    }

    fn repository(&mut self, seen: &Seen, watermark: &Seen) {
        let stat = match seen.read(|reply| reply.json::<RepoStat>()) {
            Answer::Told(stat) => stat,
            Answer::Refused(Refusal::AccessDenied) => return,
            Answer::Refused(refusal) => return self.failed(seen.id, "repo/stat", &refusal.to_string()),
            Answer::Failed(failure) => return self.unsaid("repo/stat", &failure),
        };
        let mark = watermark.read(|reply| reply.json::<Setting>()).told().and_then(|setting| setting.value.as_u64());
        let mark = mark.unwrap_or(WATERMARK);
        let evidence = Evidence::one(seen.id);
        self.findings.fact(facts::REPO_BYTES, stat.repo_size, &evidence);
        let Some(percent) = stat.percent() else { return };
        self.findings.fact(facts::REPO_PERCENT, percent, &evidence);
        let (code, what) = match room(&stat, mark) {
            Room::Enough => return self.parts.push(format!("{percent} % of its repository are used")),
            Room::Near => (codes::IPFS_REPO_NEAR_FULL, "nearly full"),
            Room::Full => (codes::IPFS_REPO_FULL, "full"),
        };
        let finding = code
            .at(&self.target)
            .message(format!("the repository is {what}: {} of {} bytes", stat.repo_size, stat.storage_max))
            .observed(format!("{percent} %"))
            .expected(format!("less than {mark} %"))
            .detail("repo-bytes", stat.repo_size.to_string())
            .detail("storage-max", stat.storage_max.to_string());
        self.findings.add(finding.cite(seen.id).and(watermark.id));
    }

    /// An RPC that listens for everybody and asks for nothing.
    fn exposed(&mut self, asking: &Asking, seen: &Seen) {
        let Some(setting) = seen.read(|reply| reply.json::<Setting>()).told() else { return };
        let listening = setting.texts();
        if asking.credential.is_none() && is_open(&listening) {
            let finding = codes::IPFS_API_OPEN
                .at(&self.target)
                .message(format!("the RPC listens on {} and asks for no credential", listening.join(", ")))
                .observed(listening.join(", "))
                .likely();
            self.findings.add(finding.cite(seen.id));
        }
    }

    fn company(&mut self, context: &Context, seen: &Seen) {
        let needed = context.setting("need-peers") == Some("true") || crate::detail(context, "pinning-url").is_some();
        match seen.read(|reply| reply.json::<Peers>()) {
            Answer::Told(peers) => {
                self.findings.fact(facts::PEERS, peers.count(), &Evidence::one(seen.id));
                if peers.count() == 0 && needed {
                    let finding = codes::IPFS_NO_PEERS.at(&self.target).message("the node is connected to nobody");
                    self.findings.add(finding.observed("0 peers").cite(seen.id));
                }
            }
            Answer::Refused(Refusal::Offline(text)) => {
                let finding = codes::IPFS_OFFLINE.at(&self.target).message("the node runs offline").observed(text);
                let finding = if needed { finding } else { finding.level("info") };
                self.findings.add(finding.cite(seen.id));
            }
            // Nothing that the cache needs.
            Answer::Refused(_) | Answer::Failed(_) => {}
        }
    }

    fn folder(&mut self, folder: &str, seen: &Seen) {
        match seen.read(|reply| reply.json::<Listed>()) {
            Answer::Told(listed) => {
                let own = folder.rsplit('/').next().unwrap_or_default();
                // A file lists itself.
                let names: Vec<&str> = listed.names().collect();
                if names == [own] {
                    let finding =
                        codes::IPFS_MFS_UNUSABLE.at(folder).message(format!("{folder} is a file of MFS, not a folder"));
                    self.findings.add(finding.cite(seen.id));
                }
            }
            Answer::Refused(refusal) if refusal.is_absent() => {}
            Answer::Refused(Refusal::AccessDenied | Refusal::Unauthorized(..)) => {}
            Answer::Refused(refusal) => {
                let finding =
                    codes::IPFS_MFS_UNUSABLE.at(folder).message(format!("{folder} of MFS cannot be listed: {refusal}"));
                self.findings.add(finding.observed(refusal.to_string()).cite(seen.id));
            }
            Answer::Failed(failure) => self.unsaid("files/ls", &failure),
        }
    }

    /// What these credentials may do, by attempts that change nothing.
    fn permissions(&mut self, context: &Context, commands: &[(&'static str, &'static str, &Seen)]) {
        let wanted: Vec<&str> = match context.settings_all("need").collect::<Vec<_>>() {
            none if none.is_empty() => vec!["read", "write"],
            some => some,
        };
        let mut refused: Vec<(&str, &str, ObservationId)> = Vec::new();
        for (kind, command, seen) in commands {
            match seen.read(|reply| reply.bytes().map(<[u8]>::len)) {
                Answer::Refused(Refusal::AccessDenied | Refusal::Unauthorized(..)) => {
                    refused.push((kind, command, seen.id));
                }
                Answer::Refused(Refusal::NoSpace(text)) => self.failed(seen.id, command, &text),
                // That there is nothing to read or remove is the answer of one who may.
                Answer::Told(_) | Answer::Refused(_) => {}
                Answer::Failed(failure) => return self.unsaid(command, &failure),
            }
        }
        let may = |kind: &&str| !refused.iter().any(|(k, ..)| k == kind);
        let permitted: Vec<&str> = ["read", "write"].into_iter().filter(may).collect();
        if let Ok(evidence) = Evidence::of(commands.iter().map(|(.., seen)| seen.id)) {
            self.findings.fact(facts::PERMITTED, permitted.join(","), &evidence);
        }
        self.parts.push(format!(
            "permitted: {}",
            if permitted.is_empty() { "nothing".to_owned() } else { permitted.join(", ") }
        ));
        let missed: Vec<&(&str, &str, ObservationId)> =
            refused.iter().filter(|(kind, ..)| wanted.contains(kind)).collect();
        let Some((_, _, first)) = missed.first() else { return };
        let names: Vec<&str> = missed.iter().map(|(_, command, _)| *command).collect();
        let finding = codes::IPFS_FORBIDDEN
            .at(&self.target)
            .message(format!("the credentials do not allow {}", names.join(", ")))
            .expected(wanted.join(", "))
            .detail("commands", names.join(","));
        self.findings.add(missed.iter().fold(finding.cite(*first), |finding, (.., id)| finding.and(*id)));
    }

    fn failed(&mut self, id: ObservationId, command: &str, text: &str) {
        let finding = codes::IPFS_RPC_FAILED
            .at(&self.target)
            .message(format!("{command} fails: {text}"))
            .observed(text)
            .detail("command", command);
        self.findings.add(finding.cite(id));
    }

    /// The node answered before and not to this: nothing is known of it.
    fn unsaid(&mut self, command: &str, failure: &Failure) {
        self.unknown.get_or_insert_with(|| format!("the node did not answer to {command}: {}", failure.message));
    }
}
