import type { Rate } from './token-bucket';

/**
 * Every bound of the product, in one place, with its unit in its name.
 * A bound that users can set has its default here and is marked so.
 */

// Sizes of what is stored.
export const specBytesMax = 128 * 1024;
export const statusBytesMax = 128 * 1024;
/** All values of one etcd transaction together (etcd refuses requests above 1.5 MiB). */
export const commitBytesMax = 1024 * 1024;
/** etcd refuses more than 128 operations, or 128 compares; the margin leaves room for an outbox key each. */
export const commitOperationsMax = 100;
export const commitComparesMax = 100;
/** Hot keys, such as the capacity of a worker or the quota of an org, whose values one process remembers while nobody changes them. */
export const idleCommitGroupsMax = 5_000;
/** Rendered files of one workload together. */
export const workloadFilesBytesMax = 128 * 1024;
export const artifactBytesMax = 1024 * 1024;
export const requestBodyBytesMax = 512 * 1024;

// Lists and texts kept in status are cut to these, never refused, so that a lifecycle can always record its end.
export const statusMessageCharactersMax = 1024;
export const statusConditionsMax = 16;
export const statusUndoMax = 16;
export const placementReasonsMax = 20;

// What one definition may hold.
export const componentsMax = 50;
export const portsPerInstanceMax = 256;
export const labelsMax = 64;
export const environmentVariablesMax = 256;
export const filesMax = 64;
export const commandArgumentsMax = 256;
export const nameCharactersMax = 63;
export const versionCharactersMax = 64;
export const descriptionCharactersMax = 4096;
export const labelValueCharactersMax = 128;
export const filePathCharactersMax = 255;
export const componentCpuMillicoresMax = 1024 * 1000;
export const componentMemoryMibMax = 16 * 1024 * 1024;
export const componentStorageMibMax = 1024 * 1024 * 1024;
export const readinessTimeoutMsMax = 60 * 60 * 1000;
export const stopGraceMsMax = 10 * 60 * 1000;
export const maxDurationMsMax = 365 * 24 * 60 * 60 * 1000;

// What a component has when its definition does not say; users can set these in a definition.
export const componentCpuMillicoresDefault = 100;
export const componentMemoryMibDefault = 64;
export const componentStorageMibDefault = 16;
export const stopGraceMsDefault = 10_000;
export const readinessIntervalMsDefault = 250;
export const readinessTimeoutMsDefault = 60_000;

// Reading a document that somebody sent. Depth and tokens are counted before a tree is built: the YAML parser
// recurses by depth, and a document of nothing but nested dashes otherwise ends the whole process.
export const definitionBytesMax = 256 * 1024;
export const documentDepthMax = 24;
export const documentTokensMax = 20_000;
export const yamlAliasExpansionsMax = 100;
/** Problems reported of one document; the rest would be the same mistake again. */
export const problemsMax = 100;
/** Objects that are named where an org or a project cannot be deleted for them. */
export const occupantsNamedMax = 10;
/** Of the name of an org or a project that people are shown. */
export const displayNameCharactersMax = 200;

// Admission.
/** How often the API decides anew when somebody else was faster, within one request. */
export const admissionAttemptsMax = 5;
export const idempotencyRecordTtlMs = 24 * 60 * 60 * 1000;
/** How long a token of the first administrator is good; whoever holds the keys of etcd can have another. */
export const bootstrapTokenTtlMs = 90 * 24 * 60 * 60 * 1000;
/** New work is refused with `store_full` when this share of etcd's quota is in use. */
export const storeFullRatio = 0.7;

// Reading JSON. Depth and values are counted before anything is made of the text.
export const jsonDepthMax = 32;
/** Commas and opening brackets, which is about as many values as there are; a report of all ports of a host fits. */
export const jsonValuesMax = 100_000;

// Connections. What is not through by its time is cut, so that nobody holds more of the server than he uses.
/** Sockets of one process; those beyond it are closed as they come. */
export const connectionsMax = 10_000;
/** The line of a request and its headers together. */
export const requestHeadersBytesMax = 16 * 1024;
export const requestHeadersMax = 100;
/** How long a client may take to send its headers, and its whole request. */
export const requestHeadersTimeoutMs = 10_000;
export const requestTimeoutMs = 20_000;
/** How often requests are looked for that take too long. */
export const requestTimeoutCheckIntervalMs = 1_000;
/** How long a connection is kept for another request. */
export const idleConnectionMsMax = 5_000;
/** A connection ends after so many requests, so that clients come to servers that were started since. */
export const requestsPerConnectionMax = 10_000;
/** How long a client may take to read the rest of an answer that is all written. */
export const answerDrainMsMax = 30_000;
/** On a connection where nothing has moved for this long nobody is left; longer than any wait takes. */
export const connectionSilenceMsMax = 180_000;

// What callers may ask for; users can set these. Rates are for all servers together, of which each allows its share.
export const ratePerPrincipalDefault: Rate = { perSecond: 100, burst: 200 };
export const ratePerOrgDefault: Rate = { perSecond: 1_000, burst: 2_000 };
/** Requests of one address that no known credential came with. */
export const rateUnauthenticatedDefault: Rate = { perSecond: 20, burst: 50 };
/** Requests that one caller has open at one server: plain ones, and as many that wait for something. */
export const openRequestsPerPrincipalDefault = 256;
export const streamsPerPrincipalDefault = 100;

/** Of the agent of one worker; what it has seen it sends many at a time. */
export const ratePerAgent: Rate = { perSecond: 200, burst: 400 };
/** Callers, orgs, agents and addresses whose rates one process remembers, so many of each. */
export const rateBucketsMax = 50_000;
/** How soon somebody may ask again who has too many requests open. */
export const openRequestsRetryMs = 1_000;
/** How long an api process that died counts as one that allows its share. */
export const apiLeaseTtlMs = 6_000;
export const apiLeaseRenewIntervalMs = 2_000;

// Requests.
export const requestIdCharactersMax = 128;
export const idempotencyKeyCharactersMax = 255;
/** Instances with a higher priority are placed first; the default is 0. */
export const instancePriorityMin = -1000;
export const instancePriorityMax = 1000;
/** How often a definition that waits for its artifact is looked after. */
export const definitionSweepIntervalMs = 30_000;
/** How often etcd is asked how full it is. */
export const storeSizeCheckIntervalMs = 5_000;
/** How long a check of `GET /ready` may take before the dependency counts as down. */
export const readinessCheckTimeoutMs = 2_000;
export const leaseRenewTimeoutMs = 3_000;

// Credentials.
/** How long a token is good; users say so when they make one, within the other two. */
export const tokenTtlMsDefault = 90 * 24 * 60 * 60 * 1000;
export const tokenTtlMsMin = 60 * 1000;
export const tokenTtlMsMax = 366 * 24 * 60 * 60 * 1000;
/** How long a token stays good after its successor was made; users can set it. */
export const tokenOverlapMsDefault = 60 * 60 * 1000;
export const tokenOverlapMsMax = 7 * 24 * 60 * 60 * 1000;
/** Heads of tokens of one principal. They are counted in memory: as many as are made at once, at however many servers, may come beyond it. */
export const tokensPerPrincipalMax = 50;
/** Tokens that one commit takes away. */
export const tokensRetiredTogetherMax = 20;
/** The last use of a token is stored at most this often, by each process. */
export const tokenUseIntervalMs = 5 * 60 * 1000;
/** Tokens of which a process remembers when it stored their last use; of others it asks the cache. */
export const tokenUsesRememberedMax = 10_000;
/** Uses that are being stored; one that finds no place is stored at a later request. */
export const tokenUsesInFlightMax = 4;
export const principalProjectsMax = 64;
/** How far ahead a timer is set for the end of a credential; platforms know no timers beyond 24 days. */
export const credentialTimerMsMax = 24 * 60 * 60 * 1000;
/** How long a cache may take to catch up before a wait or stream with a credential that it does not know is ended. */
export const credentialKnownMsMax = 5_000;

// OIDC.
export const oidcTokenCharactersMax = 8_192;
export const oidcSubjectCharactersMax = 255;
export const oidcIssuerCharactersMax = 512;
/** How far the issuer's clock and ours may be apart. */
export const oidcClockSkewMs = 30_000;
export const oidcFetchTimeoutMs = 3_000;
export const oidcDocumentBytesMax = 64 * 1024;
export const oidcKeysMax = 100;
/** Keys are asked for anew after this time: so long is a withdrawn one still good. */
export const oidcKeysFreshMs = 10 * 60 * 1000;
/** While the issuer does not answer, the keys that were known are used for this long. */
export const oidcKeysStaleMsMax = 60 * 60 * 1000;
/** A token under a key that is not known has the keys asked for anew, but no more often than this. */
export const oidcRefetchIntervalMs = 30_000;
/** As long as no keys are known at all, they are asked for this often at most. */
export const oidcRetryIntervalMs = 1_000;

// The record of who was refused: nobody fills the store by being refused.
/** Refusals of one principal, or of one address, in one minute that are kept one by one; the rest of that minute is counted. */
export const refusalsDetailedMax = 20;
/** Principals, and addresses that said no principal, that one server tells apart in one minute; all others are counted together. */
export const refusedPrincipalsMax = 200;
export const refusedAddressesMax = 100;
export const refusalsWriteIntervalMs = 1_000;
/** Records written at once, and records that wait while MongoDB is away; what does not fit is counted. */
export const refusalsBatchMax = 500;
export const refusalsWaitingMax = 10_000;
/** How long the end of a server may take over what waits. */
export const refusalsLastWriteMsMax = 3_000;

// Reading the audit.
export const auditPageSizeDefault = 100;
export const auditPageSizeMax = 1_000;
/** Lines that an export reads at once. */
export const auditExportBatchSize = 1_000;
/** Exports that one server writes at a time. */
export const auditExportsMax = 4;
/** How long an export waits for a reader who takes nothing of it. */
export const auditExportDrainMsMax = 30_000;

// Watch caches.
/** How often a cache asks etcd to prove that nothing was missed while nothing happened: of itself etcd says so every 10 minutes. */
export const watchProgressIntervalMs = 10_000;
/** A watch that has been silent for this long is taken for dead and opened anew. */
export const watchSilenceMsMax = 30_000;
/** How often, on average, a cache is compared with etcd key by key. */
export const cacheCompareIntervalMs = 5 * 60 * 1000;
/** A store with more keys is not compared: the list of them would cost more than it is worth. */
export const cacheComparedKeysMax = 100_000;

// Circuit breakers around etcd, MongoDB and Temporal.
/** After so many calls in a row that nobody answered, calls fail at once. */
export const breakerFailuresMax = 5;
/** How long until one trial finds out whether the server is back; it bounds what a breaker adds to an outage. */
export const breakerPauseMs = 1_000;
/** How long a trial may take. */
export const breakerProbeTimeoutMs = 2_000;
/** How long etcd may take to say who somebody is: less than any call that waits for it has. */
export const etcdAuthenticationTimeoutMs = 1_500;

// Listening.
/** How often the log says that tokens travel in the clear beyond this machine. */
export const plaintextWarningIntervalMs = 60 * 60 * 1000;
/** How long a client may take over the handshake of TLS. */
export const tlsHandshakeTimeoutMs = 10_000;

// Waiting and pages.
export const waitForTimeoutMsDefault = 30_000;
export const waitForTimeoutMsMax = 120_000;
export const minRevisionTimeoutMsDefault = 5_000;
export const minRevisionTimeoutMsMax = 30_000;
export const pageSizeDefault = 50;
export const pageSizeMax = 200;

// Lifecycles.
/** How long a local activity waits for an observation before the step becomes a regular, visible activity. */
export const startWaitMs = 1_500;
/** After this long the engine gives the lifecycles of a dead control process to another one; it must exceed `startWaitMs` by far. */
export const workflowTaskTimeoutMs = 5_000;
/** How long one call of the engine may take, repetitions included. */
export const engineCallTimeoutMs = 10_000;
/** Runs of one lifecycle that are read from the engine for an answer. */
export const workflowRunsReadMax = 50;
/** Runs that are copied in one go before the engine drops them; the rest is for the next time. */
export const runsMirroredMax = 2_000;
/** How far back a process that has just started looks for runs that nobody copied: the shortest time for which an engine keeps them. */
export const runMirrorLookbackMs = 24 * 60 * 60 * 1000;
/** Runs show up in the engine's lists some time after they have closed. */
export const runMirrorOverlapMs = 5 * 60 * 1000;
/** How often a control process asks whether it can reach the store; after so many failures in a row it takes no lifecycles. */
export const ableCheckIntervalMs = 1_000;
export const ableChecksFailedMax = 3;
export const nudgesPerRunMax = 500;
export const nudgeQueueMax = 10_000;
export const nudgesInFlightMax = 16;
/** A lifecycle that is due and unattended for this long is nudged by the repairer. */
export const repairAfterMs = 3_000;
export const repairsPerSecondMax = 50;

// Retry of failing steps; users can set these in a definition.
export const retryAttemptsMaxDefault = 3;
export const retryInitialBackoffMsDefault = 10_000;
export const retryMaxBackoffMsDefault = 5 * 60 * 1000;
export const retryBackoffFactorDefault = 2;
export const retryAttemptsCeiling = 100;
export const retryBackoffMsCeiling = 24 * 60 * 60 * 1000;
export const retryBackoffFactorCeiling = 10;

// Leaders.
export const leaderLeaseTtlMs = 6_000;
export const leaderRenewIntervalMs = 2_000;
/** How often the controller leader looks how full etcd is. */
export const storeUpkeepIntervalMs = 5_000;
/** With this share of etcd's quota in use history is compacted, so that it is not what new work is refused for. */
export const storeCompactRatio = 0.5;
/** How much history a compaction leaves, for watches to resume within; with new work refused it leaves none. */
export const storeHistoryKeptMs = 5 * 60 * 1000;
export const storeCompactIntervalMs = 60_000;
/** A compaction that frees a smaller share of what is in use has gained nothing: it is not history that fills etcd. */
export const storeCompactGainRatio = 0.01;
/** With this share of the quota allocated etcd is defragmented, if that frees at least the second share of it. */
export const storeDefragmentRatio = 0.85;
export const storeDefragmentGainRatio = 0.1;
/** Defragmentation stops everybody for seconds. */
export const storeDefragmentIntervalMs = 10 * 60 * 1000;
/** Compactions while new work is refused, and defragmentations while nothing can be written, are at least so far apart. */
export const storeUrgentIntervalMs = 10_000;
/** The alarm of a full etcd is taken back when less than this share of the quota is allocated. */
export const storeDisarmRatio = 0.95;
/** How long a compaction or defragmentation is waited for; etcd carries on when nobody waits any more. */
export const storeMaintenanceTimeoutMs = 15_000;

// Administration.
/** Entries of a worker's plan that one repair writes or takes away, so that its commit keeps within the bounds of one. */
export const repairPlanEntriesMax = 20;
/** Findings, differences and stuck objects that one answer lists; it says how many there are in all. */
export const administrationListMax = 500;
/** Lifecycles that one request nudges. */
export const nudgeAllMax = 200;
/** The record counts as behind when its oldest event waits for this long. */
export const projectionBehindAfterMs = 10_000;
/** Keys that are read at once where all of etcd is read; as many of the largest values fit into one message. */
export const storeScanPageMax = 200;

// Workers and their agents.
export const agentLeaseTtlMs = 15_000;
export const agentHeartbeatIntervalMs = 5_000;
export const portRangeFromDefault = 2000;
export const portRangeToDefault = 9999;
export const cpuRatioDefault = 4;
export const provisionTimeoutMsDefault = 60_000;

// What an agent allows itself.
/** Waits between tries to reach the control plane, doubling from the first to the second, jittered. */
export const agentBackoffMsMin = 200;
export const agentBackoffMsMax = 5_000;
export const agentRequestTimeoutMs = 10_000;
/** The control plane writes a comment into a plan stream this often, so that silence means a dead connection. */
export const planStreamCommentIntervalMs = 5_000;
export const planStreamSilenceMsMax = 3 * planStreamCommentIntervalMs;
/** Longest frame of a plan stream: a snapshot of some ten thousand entries. */
export const planFrameCharactersMax = 8 * 1024 * 1024;
export const observationsPerRequestMax = 50;
/** A start that is done sooner is not observed as `starting`. */
export const startingObservedAfterMs = 300;
/** A leaving agent waits this long for what it is doing; the next agent takes up the rest. */
export const agentCloseMsMax = 1_000;
export const hostPortsScanIntervalMs = 5_000;
export const componentLogBytesMax = 10 * 1024 * 1024;
export const componentLogCheckIntervalMs = 10_000;
/** Last output of a component that an observation quotes. */
export const outputTailCharactersMax = 500;
export const readinessProbeTimeoutMs = 2_000;
/** After SIGKILL a process group has this long to be gone; what is not is tried again. */
export const killConfirmMsMax = 10_000;
/** How often the host is asked whether a process that is not the agent's child still runs. */
export const adoptedProcessPollMs = 300;

// The local provider.
export const localAgentStartMsMax = 20_000;
/** How long a local agent may take to stop its instances before it is killed and they are reaped. */
export const localAgentStopMsMax = 30_000;

// The record.
/** Outbox entries that are recorded together. */
export const projectorBatchMax = 500;
/** Their values together; each may lead to a snapshot several times as large. */
export const projectorBatchBytesMax = 4 * 1024 * 1024;
/** Objects whose last state the projector remembers; of others it reads the last snapshot. */
export const objectStatesRememberedMax = 5_000;
/** Events read at once where an object is made anew from all of them. */
export const rebuildPageSize = 1_000;
/** How long what is TERMINATED or DELETED stays among what lives; users can set it. */
export const retentionMsDefault = 24 * 60 * 60 * 1000;
/** How long snapshots are kept; users can set it. */
export const snapshotRetentionMsDefault = 90 * 24 * 60 * 60 * 1000;
/** Retirements leave most of etcd's time to others. */
export const retirementsPerSecondMax = 50;
export const retirementsPerRunMax = 1_000;
/** Snapshots that one run deletes, and that one request deletes. */
export const snapshotsDeletedPerRunMax = 20_000;
export const snapshotsDeletedTogetherMax = 2_000;
/** How long one run of snapshot retention may take: on the embedded server it reads the whole collection. */
export const snapshotRetentionMsMax = 2 * 60 * 1000;
/** A body that nobody names is swept when it was found so in two runs that are at least so far apart. */
export const unnamedBodyKeptMs = 60 * 60 * 1000;
export const bodiesSweptPerRunMax = 1_000;
/** Bodies that are swept behind one closed door; whoever wants to name one of them waits meanwhile. */
export const bodiesSweptTogetherMax = 50;
/** How long somebody who wants to name a body waits until its sweep is over. */
export const bodySweepWaitMsMax = 5_000;
/** How long a reachable MongoDB is looked for before an operation fails; longer than an election takes. */
export const mongoServerSelectionTimeoutMs = 5_000;
export const mongoConnectTimeoutMs = 5_000;
/** How long one answer may take: a listing on the embedded server reads whole collections. */
export const mongoSocketTimeoutMs = 30_000;
/** How long an operation waits for one of the connections before it fails. */
export const mongoWaitQueueTimeoutMs = 5_000;
export const mongoConnectionsMax = 20;
/** How long a process that starts waits for another one to migrate the database. */
export const migrationWaitMs = 5 * 60 * 1000;
/** Texts of immutable bodies that a process keeps in memory, per collection. */
export const bodiesCacheBytesMax = 16 * 1024 * 1024;

// The change stream.
/** The newest events, which each api process keeps in memory for its readers. */
export const recentEventsMax = 10_000;
export const recentEventsBytesMax = 32 * 1024 * 1024;
/** How many of them a process that starts reads from the record. */
export const recentEventsFilledMax = 2_000;
export const recordPageSize = 1_000;
export const recordReadsInFlightMax = 4;
/** Streams and polls of one process together. */
export const eventReadersMax = 2_000;
/** Events that follow each other faster than this leave together. */
export const eventBatchWindowMs = 10;
/** What is written to a stream at once: beside its socket's buffer all the memory that a slow reader holds. */
export const eventBatchBytesMax = 256 * 1024;
export const eventStreamHeartbeatIntervalMs = 10_000;
/** A stream whose reader takes nothing for this long is ended. */
export const eventStreamDrainMsMax = 30_000;
/** How long the last frame of a stream may take to leave. */
export const eventStreamEndMsMax = 1_000;
/** How soon a client opens a stream anew that ended. */
export const eventStreamRetryMs = 1_000;
export const eventPollWaitMsMax = 30_000;
export const eventPageSizeDefault = 100;
export const eventPageSizeMax = 1_000;
/** Values of one attribute that a filter of events may name. */
export const eventFilterValuesMax = 64;

// What a client of the API allows itself.
/** Waits between tries, doubling from the first to the second, jittered. */
export const clientBackoffMsMin = 200;
export const clientBackoffMsMax = 5_000;
export const clientRequestTimeoutMs = 30_000;
/** How long the command waits for an answer that reads the whole log, or for each member of etcd to defragment. */
export const administrationTimeoutMs = 10 * 60_000;
/** Longest frame of a stream of events: all that one commit may hold, as JSON within JSON. */
export const eventFrameCharactersMax = 4 * commitBytesMax;
/** A stream of events without even a comment for this long is taken for dead. */
export const eventStreamSilenceMsMax = 3 * eventStreamHeartbeatIntervalMs;
/** After so many streams that told nothing a client polls: something on the way keeps streams back. */
export const eventStreamsSilentMax = 2;

// Quotas: the highest bounds that an org or a project can be given.
/** Of instances, ports and definitions. */
export const quotaCountMax = 1_000_000;
export const quotaCpuMillicoresMax = 1_000_000 * 1000;
/** Of memory and of storage. */
export const quotaMebibytesMax = 1024 ** 4;

// Backup and restore.
/** Documents and characters of a copy that are inserted at once. */
export const copyBatchDocumentsMax = 500;
export const copyBatchCharactersMax = 4 * 1024 * 1024;
/** Documents of lost history that are set apart at once: the embedded server reads the whole collection for each delete. */
export const lostBatchDocumentsMax = 500;
/** How far behind the copy the revisions of a restored store begin at least. */
export const restoreRevisionGapMin = 1_000_000_000;
/** A quota that the etcd of a restore does not meet, also with a copy of one that was full. */
export const restoringEtcdQuotaBytes = 2 ** 40;
/** How long etcdutl may take over a snapshot of the size of etcd's quota. */
export const etcdutlTimeoutMs = 10 * 60 * 1000;

// Servers and processes started on this machine (demo, dev, tests).
/** The quota of an embedded etcd; a foreign one has its own. */
export const embeddedEtcdQuotaBytes = 2 * 1024 ** 3;
/** Longer than any list or reconnect takes, short enough that an hour of load does not fill the quota. */
export const embeddedEtcdRetentionMs = 10 * 60 * 1000;
/** How often an embedded etcd tells an idle watch how far it is. */
export const embeddedEtcdProgressIntervalMs = 1_000;
export const serverReadyTimeoutMs = 60_000;
/** Where servers and processes that Berth starts itself look for a free port: below what kernels give to outgoing connections (Linux: from 32,768). */
export const freePortMin = 10_000;
export const freePortMax = 19_999;
/** How often a start is tried again on other ports when somebody took the free port first. */
export const freePortAttemptsMax = 3;
/** How long a process may take to end by itself before it is killed. */
export const processStopGraceMs = 10_000;
/** How long the kernel may take to end a killed process. */
export const processKillTimeoutMs = 5_000;
/** A log beyond this is put aside when its process starts anew. */
export const processLogBytesMax = 10 * 1024 * 1024;
/** How long the directory of a failed run is kept for a person to read. */
export const failedRunKeepMs = 24 * 60 * 60 * 1000;
