import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  UseGuards,
} from '@nestjs/common';
import { Caller, Policy, ProjectId } from '../auth/policy.js';
import type { CallerToken } from '../auth/policy.js';
import { AlertRulesService } from './alert-rules.service.js';
import { ProjectWideGuard } from './project-wide.guard.js';

/** What a project watches for. */
@Controller('api/v1/projects/:projectId/alert-rules')
@UseGuards(ProjectWideGuard)
export class AlertRulesController {
  constructor(@Inject(AlertRulesService) private readonly rules: AlertRulesService) {}

  @Get()
  @Policy('alerts:read')
  async list(@ProjectId() projectId: number) {
    return { data: await this.rules.list(projectId) };
  }

  @Post()
  @Policy('alerts:write')
  create(@ProjectId() projectId: number, @Body() body: unknown, @Caller() caller: CallerToken) {
    return this.rules.create(projectId, body, caller);
  }

  @Get(':id')
  @Policy('alerts:read')
  get(@ProjectId() projectId: number, @Param('id') id: string) {
    return this.rules.get(projectId, id);
  }

  @Patch(':id')
  @Policy('alerts:write')
  update(
    @ProjectId() projectId: number,
    @Param('id') id: string,
    @Body() body: unknown,
    @Caller() caller: CallerToken,
  ) {
    return this.rules.update(projectId, id, body, caller);
  }

  @Delete(':id')
  @Policy('alerts:write')
  @HttpCode(204)
  remove(@ProjectId() projectId: number, @Param('id') id: string, @Caller() caller: CallerToken) {
    return this.rules.remove(projectId, id, caller);
  }
}
