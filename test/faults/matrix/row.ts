/** One step of one lifecycle, and how it comes to be due on a running stack. */
export interface Row {
  readonly step: string;
  readonly collection: 'instances' | 'workers';
  /** Brings an object to where one more act makes the step due; undefined where that act makes the object. */
  prepare(): Promise<string | undefined>;
  /** That act. Answers the object's id. */
  trigger(id: string | undefined): Promise<string>;
  /** Waits until the object is where it should be after the step, whatever went wrong on the way. */
  arrive(id: string): Promise<void>;
  /** Ends the object: wherever it stands, it can be terminated. */
  end(id: string): Promise<void>;
}

/** How long an object may take to arrive when everything around it is being killed. */
export const arrivalTimeoutMs = 90_000;

/** How an object gets to the step, and on from there. */
export type Course = Pick<Row, 'prepare' | 'trigger' | 'arrive'>;

/** The course of an object that is there before the step is due. */
export function madeBefore(prepare: () => Promise<string>, trigger: (id: string) => Promise<unknown>, arrive: (id: string) => Promise<void>): Course {
  return {
    prepare,
    trigger: async (id) => {
      if (id === undefined) throw new Error('the object was never made');
      await trigger(id);
      return id;
    },
    arrive,
  };
}
