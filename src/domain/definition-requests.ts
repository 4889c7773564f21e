import type { ArtifactFacts, Component, DefinitionBody, PortRequest, Resources } from './definition';
import { portPlaceholder } from './placeholder';

/**
 * All ports that an instance of a definition needs: those of its components, its own, and those that its artifact
 * asks for. Where a definition names a port of the artifact itself, the definition's word (fixed number, protocol)
 * stands: it is the same placeholder, so it is one port and must not be requested twice.
 */
export function requestedPorts(
  body: { readonly components: ReadonlyArray<Pick<Component, 'ports'>>; readonly ports: readonly PortRequest[] },
  artifact?: Pick<ArtifactFacts, 'ports'>,
): PortRequest[] {
  const declared = [...body.components.flatMap(({ ports }) => ports), ...body.ports];
  const placeholders = new Set(declared.map(({ name }) => portPlaceholder(name)));
  return [...declared, ...(artifact?.ports ?? []).filter(({ name }) => !placeholders.has(portPlaceholder(name)))];
}

/** What all components of a definition need together. */
export function totalResources(body: Pick<DefinitionBody, 'components'>): Resources {
  return body.components.reduce<Resources>(
    (sum, { resources }) => ({
      cpuMillicores: sum.cpuMillicores + resources.cpuMillicores,
      memoryMib: sum.memoryMib + resources.memoryMib,
      storageMib: sum.storageMib + resources.storageMib,
    }),
    { cpuMillicores: 0, memoryMib: 0, storageMib: 0 },
  );
}
