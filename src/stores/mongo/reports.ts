import type { MongoConnection } from './connection';
import { insertOnce } from './insert-once';

/** What a run of maintenance found. Its keys hold no dots and its lists no lists: not every server takes them. */
export interface MaintenanceReport {
  /** Minted by the run, so that a repeated insert is recognised. */
  readonly _id: string;
  readonly kind: string;
  /** ISO 8601. */
  readonly time: string;
  readonly [finding: string]: unknown;
}

/** Reports of maintenance, kept for good. */
export class Reports {
  constructor(private readonly connection: MongoConnection) {}

  /** Inserting a report again is fine if it is the same report; another one under its id is a `RecordConflictError`. */
  async insert(report: MaintenanceReport): Promise<void> {
    await insertOnce(this.connection, this.collection(), [report]);
  }

  async get(id: string): Promise<MaintenanceReport | undefined> {
    const report = await this.connection.attempt('read maintenance_reports', () => this.collection().findOne({ _id: id }));
    return report ?? undefined;
  }

  private collection() {
    return this.connection.collection<MaintenanceReport>('maintenance_reports');
  }
}
