import { Module } from '@nestjs/common';
import { AlertRulesController } from './alert-rules.controller.js';
import { AlertRulesService } from './alert-rules.service.js';
import { ChannelsController } from './channels.controller.js';
import { ChannelsService } from './channels.service.js';
import { IncidentsController } from './incidents.controller.js';
import { IncidentsService } from './incidents.service.js';

@Module({
  controllers: [AlertRulesController, ChannelsController, IncidentsController],
  providers: [AlertRulesService, ChannelsService, IncidentsService],
})
export class AlertsAdminModule {}
