// What the API's answers hold, as far as these pages look at them.

export interface Reading {
  time: string;
  host?: string;
  container_id?: string;
  name?: string;
  cpu_percent: number | null;
  cpu_online: number | null;
  throttled_ns: number | null;
  mem_used_bytes: number | null;
  mem_limit_bytes: number | null;
  net_rx_bytes: number | null;
  net_tx_bytes: number | null;
  blk_read_bytes: number | null;
  blk_write_bytes: number | null;
  pids: number | null;
  pids_limit: number | null;
}

export interface Port {
  [name: string]: unknown;
}

export interface Container {
  time: string;
  host: string;
  container_id: string;
  name: string;
  image: string | null;
  image_id: string | null;
  state: string | null;
  status: string | null;
  health: string | null;
  health_output: string | null;
  exit_code: number | null;
  oom_killed: boolean | null;
  restart_count: number | null;
  created: string | null;
  started_at: string | null;
  finished_at: string | null;
  command: string | null;
  ports: Port[] | null;
  labels: Record<string, string> | null;
  compose_project: string | null;
  compose_service: string | null;
  /** What stays when a container is replaced; earlier versions did not store it. */
  service?: string | null;
  cpu_limit_cores: number | null;
  mem_limit_bytes: number | null;
  pids_limit: number | null;
  gone_at: string | null;
  stats: Reading | null;
}

export interface Event {
  time: string;
  host: string;
  container_id: string;
  action: string;
  name: string | null;
  image: string | null;
  exit_code: number | null;
  signal: string | null;
  oom: boolean | null;
  health: string | null;
}

export interface LogLine {
  time: string;
  host: string;
  container_id: string;
  name: string | null;
  stream: string | null;
  message: string;
  level: string | null;
  sequence: number;
  pattern?: string | null;
  /** Not found itself, but beside a line that was. */
  context?: boolean;
}

export interface SeriesMeta {
  from: string;
  to: string;
  step: number;
  points: number;
  source: string | null;
  newest: string | null;
}

export type Column = (number | null)[];

export interface UsedBy {
  container_id: string;
  name: string;
  state: string;
  reference: string | null;
  outdated: boolean;
  outdated_since: string | null;
}

export interface Image {
  host: string;
  image_id: string;
  tags: string[];
  digests: string[];
  created: string | null;
  size_bytes: number | null;
  containers: number | null;
  dangling: boolean;
  outdated: number;
  outdated_since: string | null;
  used_by: UsedBy[];
  update_available?: boolean | null;
}

export interface Version {
  host: string;
  reference: string;
  image_id: string | null;
  outdated: number;
  containers: (Omit<UsedBy, "reference"> & { image_id: string })[];
  changes: { time: string; change: string; image_id: string | null; digest: string | null; previous_image_id: string | null }[];
}

export interface Host {
  host: string;
  containers: number;
  running: number;
  cpu_percent: number | null;
  mem_used_bytes: number | null;
  newest_stats: string | null;
}

export interface Pipeline {
  inputs: { input: string; table: string; collected: number; dropped: Record<string, number> }[];
  outputs: { output: string; table: string; routed: number; stored: number; waiting: number; dropped: Record<string, number> }[];
}

export interface Ready {
  status: string;
  detail?: string;
  newest_stats?: string | null;
  age_seconds?: number | null;
  clock?: string;
}
