import { Body, Controller, Get, HttpCode, Inject, Patch, Post, Put } from '@nestjs/common';
import { ApiError, attachCatalogsBody, createProjectBody, updateProjectBody } from '@errata/contracts';
import type { CatalogsAnswer, ProjectAnswer } from '@errata/contracts';
import { toRfc3339 } from '@errata/core';
import type { Clock } from '@errata/platform';
import {
  SlugTakenError,
  UnknownCatalogError,
  createProject,
  listProjectCatalogs,
  listProjects,
  replaceProjectCatalogs,
  updateProject,
} from '@errata/storage';
import type { CatalogAttachment, ProjectRecord, Storage } from '@errata/storage';
import { Caller, Policy, ProjectId } from '../auth/policy.js';
import type { CallerToken } from '../auth/policy.js';
import { CLOCK, STORAGE } from '../tokens.js';
import { actorOf } from './actor.js';
import { readInput } from './read-input.js';

/** Projects and the catalogs that they are read with. */
@Controller('api/v1/projects')
export class ProjectsController {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Policy('project:read')
  async list(@Caller() caller: CallerToken): Promise<{ data: ProjectAnswer[] }> {
    const projects = await listProjects(
      this.storage.db,
      caller.organizationId,
      caller.projectId ?? undefined,
    );
    return { data: projects.map(present) };
  }

  @Post()
  @Policy('project:write')
  async create(@Caller() caller: CallerToken, @Body() body: unknown): Promise<ProjectAnswer> {
    const { name, slug, retention_days } = readInput(
      createProjectBody,
      body ?? {},
      'INVALID_FIELD',
      'UNKNOWN_FIELD',
    );
    if (caller.projectId !== null) {
      throw new ApiError('SCOPE_REQUIRED', 'This token is bound to one project and cannot make others.');
    }
    const input = {
      organizationId: caller.organizationId,
      name,
      ...(slug === undefined ? {} : { slug }),
      retentionDays: retention_days,
      actor: actorOf(caller),
    };
    try {
      return present(await createProject(this.storage, input, this.clock.now()));
    } catch (error) {
      if (!(error instanceof SlugTakenError)) throw error;
      const message = `is taken by another project: ${error.slug}`;
      throw new ApiError('CONFLICT', `The slug ${message}. Choose another.`, {
        errors: [{ field: 'slug', message }],
      });
    }
  }

  @Get(':projectId')
  @Policy('project:read')
  async get(@Caller() caller: CallerToken, @ProjectId() projectId: number): Promise<ProjectAnswer> {
    const [project] = await listProjects(this.storage.db, caller.organizationId, projectId);
    if (project === undefined) throw new ApiError('PROJECT_NOT_FOUND', `There is no project ${projectId}.`);
    return present(project);
  }

  @Patch(':projectId')
  @Policy('project:write')
  async update(
    @Caller() caller: CallerToken,
    @ProjectId() projectId: number,
    @Body() body: unknown,
  ): Promise<ProjectAnswer> {
    const { name, retention_days } = readInput(
      updateProjectBody,
      body ?? {},
      'INVALID_FIELD',
      'UNKNOWN_FIELD',
    );
    const change = {
      ...(name === undefined ? {} : { name }),
      ...(retention_days === undefined ? {} : { retentionDays: retention_days }),
    };
    return present(await updateProject(this.storage.db, target(caller, projectId), change, this.clock.now()));
  }

  @Get(':projectId/catalogs')
  @Policy('project:read')
  async catalogs(@ProjectId() projectId: number): Promise<CatalogsAnswer> {
    const attached = await listProjectCatalogs(this.storage.db, projectId);
    return {
      catalogs: attached.map(({ slug, title, version, codesOnly, pinnedVersion }) => ({
        slug,
        title,
        version,
        codes_only: codesOnly,
        pinned_version: pinnedVersion,
      })),
    };
  }

  @Put(':projectId/catalogs')
  @Policy('project:write')
  @HttpCode(200)
  async attach(
    @Caller() caller: CallerToken,
    @ProjectId() projectId: number,
    @Body() body: unknown,
  ): Promise<CatalogsAnswer> {
    const { catalogs } = readInput(attachCatalogsBody, body ?? {}, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    const attachments = catalogs.map(({ slug, codes_only, pinned_version }) => ({
      slug,
      codesOnly: codes_only,
      pinnedVersion: pinned_version,
    }));
    refuseRepeated(attachments);
    try {
      await replaceProjectCatalogs(this.storage.db, target(caller, projectId), attachments, this.clock.now());
    } catch (error) {
      if (!(error instanceof UnknownCatalogError)) throw error;
      const field = `catalogs[${error.index}].${error.field}`;
      throw new ApiError('CATALOG_NOT_FOUND', `${field}: ${error.message}.`, {
        errors: [{ field, message: error.message }],
      });
    }
    return this.catalogs(projectId);
  }
}

const target = (caller: CallerToken, projectId: number) => ({
  organizationId: caller.organizationId,
  projectId,
  actor: actorOf(caller),
});

function refuseRepeated(attachments: readonly CatalogAttachment[]): void {
  const slugs = attachments.map((attachment) => attachment.slug);
  const index = slugs.findIndex((slug, i) => slugs.indexOf(slug) < i);
  if (index < 0) return;
  const field = `catalogs[${index}].slug`;
  const message = 'is attached twice';
  throw new ApiError('INVALID_FIELD', `${field} ${message}.`, { errors: [{ field, message }] });
}

const present = ({ id, slug, name, retentionDays, createdAt }: ProjectRecord): ProjectAnswer => ({
  id,
  slug,
  name,
  retention_days: retentionDays,
  created_at: toRfc3339(createdAt.getTime()),
});
