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
import { ChannelsService } from './channels.service.js';
import { ProjectWideGuard } from './project-wide.guard.js';

/** Where a project's alerts go. */
@Controller('api/v1/projects/:projectId/channels')
@UseGuards(ProjectWideGuard)
export class ChannelsController {
  constructor(@Inject(ChannelsService) private readonly channels: ChannelsService) {}

  @Get()
  @Policy('alerts:read')
  async list(@ProjectId() projectId: number) {
    return { data: await this.channels.list(projectId) };
  }

  @Post()
  @Policy('alerts:write')
  create(@ProjectId() projectId: number, @Body() body: unknown, @Caller() caller: CallerToken) {
    return this.channels.create(projectId, body, caller);
  }

  @Get(':id')
  @Policy('alerts:read')
  get(@ProjectId() projectId: number, @Param('id') id: string) {
    return this.channels.get(projectId, id);
  }

  @Patch(':id')
  @Policy('alerts:write')
  update(
    @ProjectId() projectId: number,
    @Param('id') id: string,
    @Body() body: unknown,
    @Caller() caller: CallerToken,
  ) {
    return this.channels.update(projectId, id, body, caller);
  }

  @Delete(':id')
  @Policy('alerts:write')
  @HttpCode(204)
  remove(@ProjectId() projectId: number, @Param('id') id: string, @Caller() caller: CallerToken) {
    return this.channels.remove(projectId, id, caller);
  }

  @Post(':id/test')
  @Policy('alerts:write')
  @HttpCode(200)
  test(@ProjectId() projectId: number, @Param('id') id: string) {
    return this.channels.test(projectId, id);
  }
}
