import { Controller, Get, Inject, Param, Query, UseGuards } from '@nestjs/common';
import { Policy, ProjectId } from '../auth/policy.js';
import { IncidentsService } from './incidents.service.js';
import { ProjectWideGuard } from './project-wide.guard.js';

/** What was paged, and how it went. */
@Controller('api/v1/projects/:projectId/incidents')
@UseGuards(ProjectWideGuard)
export class IncidentsController {
  constructor(@Inject(IncidentsService) private readonly incidents: IncidentsService) {}

  @Get()
  @Policy('alerts:read')
  list(@ProjectId() projectId: number, @Query() query: unknown) {
    return this.incidents.list(projectId, query);
  }

  @Get(':id')
  @Policy('alerts:read')
  get(@ProjectId() projectId: number, @Param('id') id: string) {
    return this.incidents.get(projectId, id);
  }

  @Get(':id/notifications')
  @Policy('alerts:read')
  async notifications(@ProjectId() projectId: number, @Param('id') id: string) {
    return { data: await this.incidents.notifications(projectId, id) };
  }
}
