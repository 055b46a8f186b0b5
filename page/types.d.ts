// What the device answers (docs/openapi.yaml). Only for checking types: nothing of this reaches the browser.

export type JobKind = "backup" | "restore";
export type DeviceState = "unchanged" | "incomplete" | "restored";

export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail?: string;
  device: DeviceState;
  next: string;
  program?: string;
  job?: string;
}

export interface LogLine {
  n: number;
  time: number; // Unix time in milliseconds, by the device's clock
  text: string;
}

export interface BackupSummary {
  usedBytes: number;
  fileBytes: number;
  seconds: number;
}

export interface RestoreSummary {
  bytesCompared: number;
  bytesChanged: number;
  bytesWritten: number;
  bytesDiscarded: number;
  bytesVerified: number;
  bytesUnreadable: number;
  seconds: number;
}

export interface Job {
  id: string;
  kind: JobKind;
  state: "running" | "succeeded" | "failed";
  phase: string;
  done: number;
  total: number;
  moved: number;
  rate: number;
  secondsLeft: number | null;
  started: string;
  ended: string | null;
  fileName: string;
  fileLength: number | null;
  download: string | null;
  waitingForClient: boolean;
  device: DeviceState;
  problem: ProblemDetails | null;
  summary: BackupSummary | RestoreSummary | null;
  log?: LogLine[];
}

export interface Device {
  id: string;
  model: string;
  software: string;
  version: string;
  disks: { name: string; length: number }[];
  usedBytes: number;
  totalBytes: number;
  estimate: { fileBytes: number; backupSeconds: number } | null;
  program: string | null;
  job: Job | null;
  needsRestart: boolean;
  incomplete: boolean;
}

export interface Range {
  offset: number;
  length: number;
}

export interface Wanted {
  state: Job["state"];
  ranges: Range[];
}
